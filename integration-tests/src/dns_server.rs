//! A DNS server on loopback that knows a few records.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SRV};
use hickory_proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// The server; it ends with the value.
pub struct DnsServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl DnsServer {
    /// A server with these records, on a port of the system's choice. A record is written as in a zone file: `NAME SRV PORT
    /// TARGET`, `NAME A ADDRESS`, `NAME AAAA ADDRESS` or `NAME CNAME TARGET`.
    pub async fn start(records: &[&str]) -> DnsServer {
        let records: Vec<_> = records.iter().map(|line| parse(line)).collect();
        DnsServer::serve(Some(records)).await
    }

    /// A server that takes every question and answers none.
    pub async fn silent() -> DnsServer {
        DnsServer::serve(None).await
    }

    async fn serve(records: Option<Vec<Record>>) -> DnsServer {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                if let Some(records) = &records {
                    let reply = answer(records, &buffer[..length]);
                    socket.send_to(&reply, client).await.unwrap();
                }
            }
        });
        DnsServer {
            address,
            asked,
            serving,
        }
    }

    /// Where it is asked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Questions so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn parse(line: &str) -> Record {
    let fields: Vec<_> = line.split(' ').collect();
    let name = |text: &str| Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).unwrap();
    let data = match (fields[1], &fields[2..]) {
        ("SRV", [port, "."]) => RData::SRV(SRV::new(0, 5, port.parse().unwrap(), Name::root())),
        ("SRV", [port, target]) => RData::SRV(SRV::new(0, 5, port.parse().unwrap(), name(target))),
        ("CNAME", [target]) => RData::CNAME(CNAME(name(target))),
        (_, [address]) => match address.parse().unwrap() {
            IpAddr::V4(address) => RData::A(A(address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(address)),
        },
        _ => panic!("{line} is no record"),
    };
    Record::from_rdata(name(fields[0]), 60, data)
}

fn answer(records: &[Record], question: &[u8]) -> Vec<u8> {
    let question = Message::from_vec(question).unwrap();
    let query = question.queries[0].clone();
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    let of_name = records
        .iter()
        .filter(|record| record.name.to_lowercase() == query.name.to_lowercase());
    let found: Vec<_> = of_name
        .clone()
        .filter(|record| record.record_type() == query.query_type)
        .cloned()
        .collect();
    if of_name.count() == 0 {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    reply.add_query(query).add_answers(found);
    reply.to_vec().unwrap()
}
