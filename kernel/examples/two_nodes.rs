//! Two ring nodes over `std::net::UdpSocket`, in an event loop of one's own.
//!
//! One of them sends a message to a key that the other one owns. Exits with status 0 once the owner
//! has acknowledged it. (Nodes that others can attack take their seed from the operating system.)

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hopwise_kernel::drive::Host;
use hopwise_kernel::ring::{Event, RingConfig, RingNode};
use hopwise_kernel::{Id, Peer, Rng, Time};

#[expect(clippy::disallowed_methods, reason = "the clock is the driver's")]
fn main() -> std::io::Result<ExitCode> {
    let start = Instant::now();
    let now = || Time::ZERO + start.elapsed();

    let (mut rng, mut places) = (Rng::new(std::process::id().into(), 0), Vec::new());
    for _ in 0..2 {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(1)))?;
        let SocketAddr::V4(endpoint) = socket.local_addr()? else { continue };
        places.push((Peer { id: Id::random(&mut rng), address: endpoint.into() }, socket));
    }
    places.sort_by_key(|(peer, _)| peer.id);
    let ring: Vec<Peer> = places.iter().map(|&(peer, _)| peer).collect();
    let mut hosts: Vec<(Host<RingNode>, UdpSocket)> = Vec::new();
    for (stream, (me, socket)) in (1..).zip(places) {
        let node = RingNode::new(me, RingConfig::default(), &mut rng);
        let mut host = Host::new(node, Rng::new(std::process::id().into(), stream));
        host.with(now(), |node, cx| node.start_linked(cx, &ring));
        hosts.push((host, socket));
    }

    hosts[0].0.with(now(), |node, cx| node.send_to_key(cx, ring[1].id, b"hello", 7));
    while start.elapsed() < Duration::from_secs(5) {
        for (place, (host, socket)) in hosts.iter_mut().enumerate() {
            let mut buffer = [0; 2048];
            while let Ok((length, SocketAddr::V4(from))) = socket.recv_from(&mut buffer) {
                host.receive(now(), from.into(), &buffer[..length]);
            }
            host.expire(now());
            for (to, datagram) in host.datagrams() {
                socket.send_to(datagram, SocketAddrV4::from(to))?;
            }
            for (event, payload) in host.events() {
                println!("node {place}: {event:?} {:?}", String::from_utf8_lossy(payload));
                if matches!(event, Event::Sent { token: 7, .. }) {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    }
    Ok(ExitCode::FAILURE)
}
