//! The way to a farm over the network: joining it with a token, the credentials that come of it, and connections under
//! mutual TLS.
//!
//! Agents and clients use it alike. [`Membership`] is a machine's place in a farm: its credentials, kept in one file,
//! renewed before they run out, and the connections that are opened with them.
//!
//! *Invariant: nothing secret is sent before the server has proved to be the farm; a private key never leaves the file
//! that it was made for.*

mod address;
mod credentials;
mod dial;
mod join;
mod keep;
mod membership;
mod tls;

pub use address::{BadFarmAddress, FarmAddress};
pub use credentials::{Credentials, CredentialsError};
pub use dial::DialError;
pub use join::{JoinError, read_token};
pub use keep::{close_folder, make_private_folder};
pub use membership::Membership;
