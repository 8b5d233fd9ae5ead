use std::net::SocketAddr;
use std::sync::Arc;
use actix::Addr;
use xmpp::xml::StreamParser;
use super::{ReaderEnd, Session};
use crate::connection::Connection;
use crate::core::Core;
use crate::listener::{ListenerPolicy, Stranger};
use crate::outbound::Outbound;
pub(super) struct Negotiator {
    pub(super) core: Arc<Core>,
    pub(super) policy: Arc<ListenerPolicy>,
    pub(super) connection: Connection,
    pub(super) outbound: Arc<Outbound>,
    pub(super) session: Addr<Session>,
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) arbiter: usize,
    pub(super) stranger: Stranger,
}
pub(super) async fn negotiate(_: Negotiator) -> Result<StreamParser, ReaderEnd> { loop {} }
