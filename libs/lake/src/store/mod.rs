//! Object stores: which one serves a URL, with whose keys, within which bounds.
//!
//! [`Stores`] is what DataFusion asks for the store of a URL. Behind a bucket stands a
//! [`BucketStore`](bucket), which finds for each path the [`Access`] that covers it, so that two
//! locations of one bucket may have different keys. Where access comes from is not decided here: the
//! server reads its catalog, an executor asks the server ([`AccessSource`]).
//!
//! A query reads through [`QueryStores`]: what it asks is counted, and the cache is asked first.

mod access;
mod answers;
mod apart;
mod attempts;
mod bucket;
mod build;
mod cached;
mod counted;
#[cfg(test)]
pub(crate) mod interposed;
mod kept;
mod local_files;
mod options;
mod per_query;
mod read_only;
mod registry;
mod settings;
mod uploads;
mod url;
mod usage;
mod versions;
mod visible;

pub use access::{Access, AccessSource, NoAccess};
pub use build::Bounds;
pub use local_files::{PrivateFolder, place_below};
pub use options::{StoreKind, check_credential_options, check_location_options};
pub use per_query::QueryStores;
pub use registry::Stores;
pub use settings::{KEYS, StoreSettings};
pub use url::StoreUrl;
pub use usage::{Side, Usage, Used};
pub(crate) use visible::{SetAside, VisibleStores};
