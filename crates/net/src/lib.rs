//! One HTTP client for every part that talks to a network, pages of the web, and the proxy that commands reach it through.
//!
//! Nothing is built until the first request needs it: `--version` and the first frame must not pay for root
//! certificates. The environment is never read here (which proxies there are is told), and redirects are not followed: a redirect
//! is an answer for the caller to judge, since it may point where the request must not go. Clients that are asked for with
//! [`HttpClients::client_that_follows`] stay on the same server.

mod ask;
pub mod awake;
mod causes;
mod clients;
mod fetch;
mod only;
mod proxies;
pub mod proxy;
mod reach;
mod whole;

pub use ask::Question;
pub use causes::causes;
pub use clients::{CONNECT_TIMEOUT, HttpClient, HttpClients, NetError};
pub use fetch::{FetchError, Found, NamedBy, Page, Web, WebHosts, WebLimits, web_address};
pub use only::Servers;
pub use proxies::Proxies;
pub use reach::reach;
pub use whole::{Cut, whole};
