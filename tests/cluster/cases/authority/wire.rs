//! A wire to the API server that can be cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where it leads to, and what goes over it; cut at first.
pub(super) struct Wire {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    is_cut: bool,
    connections: Vec<TcpStream>,
}

impl Wire {
    pub(super) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { is_cut: true, connections: Vec::new() }));
        let of_thread = state.clone();
        // Ends with the tests.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut state = of_thread.lock().unwrap();
                if !state.is_cut {
                    let server = TcpStream::connect(server).unwrap();
                    let clone = |stream: &TcpStream| stream.try_clone().unwrap();
                    state.connections.extend([clone(&client), clone(&server)]);
                    for (mut from, mut to) in [(clone(&client), clone(&server)), (server, client)] {
                        thread::spawn(move || {
                            let _ = io::copy(&mut from, &mut to);
                            let _ = to.shutdown(Shutdown::Both);
                        });
                    }
                }
            }
        });
        Self { address, state }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn join(&self) {
        self.state.lock().unwrap().is_cut = false;
    }

    pub(super) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_cut = true;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}
