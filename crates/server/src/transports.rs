//! Connections from elsewhere: what listens, who is let in, and what carries a connection.
//!
//! It must never do anything for somebody who was not let in, and bound what everybody can make it hold.

mod bound;
mod carry;
mod gate;
mod listen;
mod session;
mod tls;
mod waiting;

pub use bound::{Bound, Local, bind};
pub use gate::{Gate, Origins};
pub use listen::Listening;
pub use tls::Certificate;
