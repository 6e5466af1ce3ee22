//! Provides a proxy to the API server whose connections can be cut.

use std::io;
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where it begins.
pub(super) struct Wire {
    address: SocketAddr,
    server: SocketAddr,
    state: Arc<Mutex<State>>,
}

enum State {
    /// Who connects is turned away.
    Cut,
    /// Who connects has to wait.
    Held(Vec<TcpStream>),
    /// Both ends of what goes through.
    Joined(Vec<TcpStream>),
}

impl Wire {
    pub(super) fn cut_to(server: SocketAddr) -> Self {
        Self::start(server, State::Cut)
    }

    pub(super) fn held_to(server: SocketAddr) -> Self {
        Self::start(server, State::Held(Vec::new()))
    }

    fn start(server: SocketAddr, state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(state));
        let of_thread = state.clone();
        // Ends with the tests.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                match &mut *of_thread.lock().unwrap() {
                    State::Cut => {}
                    State::Held(waiting) => waiting.push(client),
                    State::Joined(ends) => ends.extend(connect(client, server)),
                }
            }
        });
        Self { address, server, state }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn join(&self) {
        let mut state = self.state.lock().unwrap();
        let waiting = if let State::Held(waiting) = mem::replace(&mut *state, State::Cut) { waiting } else { vec![] };
        *state = State::Joined(waiting.into_iter().flat_map(|client| connect(client, self.server)).collect());
    }

    pub(super) fn cut(&self) {
        if let State::Joined(ends) = mem::replace(&mut *self.state.lock().unwrap(), State::Cut) {
            for end in ends {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Copies in both directions, and returns both ends.
fn connect(client: TcpStream, server: SocketAddr) -> [TcpStream; 2] {
    let server = TcpStream::connect(server).unwrap();
    let clone = |stream: &TcpStream| stream.try_clone().unwrap();
    let ends = [clone(&client), clone(&server)];
    for (mut from, mut to) in [(clone(&client), clone(&server)), (server, client)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    ends
}
