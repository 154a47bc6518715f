//! Object stores: which one serves a URL, with whose keys, within which bounds.
//!
//! [`Stores`] is what DataFusion asks for the store of a URL. Behind a bucket stands a
//! [`BucketStore`](bucket), which finds for each path the [`Access`] that covers it, so that two
//! locations of one bucket may have different keys. Where access comes from is not decided here: the
//! server reads its catalog, an executor asks the server ([`AccessSource`]).

mod access;
mod bucket;
mod build;
mod kept;
mod options;
mod read_only;
mod registry;
mod url;

pub use access::{Access, AccessSource, NoAccess};
pub use build::Bounds;
pub use options::{StoreKind, check_credential_options, check_location_options};
pub use registry::Stores;
pub use url::StoreUrl;
