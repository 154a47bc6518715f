//! The contract between the processes of a cluster: generated messages and services, no logic.

/// Messages and services of a cluster's members.
pub mod cluster {
    /// First version.
    #[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    pub mod v1 {
        tonic::include_proto!("lakegate.cluster.v1");
    }
}
