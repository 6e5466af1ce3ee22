//! Reloads the server's certificate and the certificate authorities of its clients.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Chain;
use tokio::sync::watch;

use super::Standing;
use super::reload::{Refusal, Watched, at_rest};
use crate::telemetry::File;
use crate::tls::{self, Acceptor, Certificate, ClientAuthorities, Error, Identity, Pair};

/// Holds the server's certificate and the client authorities, and reloads their files.
#[derive(Debug)]
pub struct Certificates {
    pair: Option<Watched<Pair>>,
    clients: Option<Watched<ClientAuthorities>>,
    certificate: Option<Certificate>,
    identity: Arc<Identity>,
    acceptor: Arc<Acceptor>,
    authorities: watch::Sender<String>,
    standing: Arc<Standing>,
}

impl Certificates {
    /// Starts with `certificate`, which was read from the files of `pair` if given. With `clients`, only clients with a
    /// certificate of these authorities are accepted.
    pub fn new(
        certificate: Certificate,
        pair: Option<Pair>,
        clients: Option<ClientAuthorities>,
        standing: &Arc<Standing>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let started = Self::unknown(clients, standing, now)?;
        let pair = pair.and_then(|pair| Watched::start(File::Certificate, pair.path().to_owned(), pair, standing, now));
        started.identity.replace(&certificate);
        standing.expires(certificate.not_after());
        started.authorities.send_replace(certificate.authorities().to_owned());
        Ok(Self { pair, certificate: Some(certificate), ..started })
    }

    /// Starts without a certificate: the caller puts one into [`Self::identity`] later.
    pub fn unknown(
        clients: Option<ClientAuthorities>,
        standing: &Arc<Standing>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let identity = Arc::new(Identity::unknown());
        let acceptor = tls::acceptor(identity.clone(), clients.as_ref())?;
        let clients =
            clients.and_then(|found| Watched::start(File::ClientCa, found.path().to_owned(), found, standing, now));
        let (authorities, standing) = (watch::Sender::new(String::new()), standing.clone());
        Ok(Self { pair: None, clients, certificate: None, identity, acceptor, authorities, standing })
    }

    /// Returns the acceptor of connections.
    pub fn acceptor(&self) -> Arc<Acceptor> {
        self.acceptor.clone()
    }

    /// Returns the identity, which has the certificate that handshakes show.
    pub fn identity(&self) -> Arc<Identity> {
        self.identity.clone()
    }

    /// Returns the current certificate; `None` if it is self-managed.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Returns the certificate authorities that clients must trust (PEM), and notifies of changes.
    pub fn authorities(&self) -> watch::Receiver<String> {
        self.authorities.subscribe()
    }

    /// Reports whether there is a file to reload.
    pub(super) fn watch_something(&self) -> bool {
        self.pair.is_some() || self.clients.is_some()
    }

    /// Checks the files; new and valid content applies to later connections.
    pub fn check(&mut self, now: SystemTime) {
        self.check_pair(now);
        self.check_clients(now);
    }

    fn check_pair(&mut self, now: SystemTime) {
        let Some(pair) = &mut self.pair else { return };
        let found = at_rest(
            || pair.seen().read_again().map_err(|error| in_one_line(&error)),
            |found| found.as_ref().is_ok_and(|found| found == pair.seen()),
        );
        let Some(found) = found else { return };
        let new = pair.look(found, now, |pair| {
            let certificate = pair.certificate().map_err(|error| match error {
                // The other file of the pair may change in a moment.
                Error::Mismatch { .. } => Refusal::Passing(in_one_line(&error)),
                error => Refusal::Final(in_one_line(&error)),
            })?;
            let fit = self.certificate.as_ref().map_or(Ok(()), |old| certificate.may_replace(old, now));
            fit.map_err(|unfit| Refusal::Passing(format!("{}: {unfit}", pair.path().display())))?;
            Ok(certificate)
        });
        let Some(new) = new else { return };
        self.identity.replace(&new);
        self.standing.expires(new.not_after());
        self.authorities.send_if_modified(|authorities| {
            let changed = authorities != new.authorities();
            new.authorities().clone_into(authorities);
            changed
        });
        self.certificate = Some(new);
        pair.taken(now);
    }

    fn check_clients(&mut self, now: SystemTime) {
        let Some(clients) = &mut self.clients else { return };
        let found = at_rest(
            || clients.seen().read_again().map_err(|error| in_one_line(&error)),
            |found| found.as_ref().is_ok_and(|found| found == clients.seen()),
        );
        let Some(found) = found else { return };
        let trust = |clients: &ClientAuthorities| self.acceptor.trust(clients);
        let new = clients.look(found, now, |found| trust(found).map_err(|error| Refusal::Final(in_one_line(&error))));
        if new.is_some() {
            clients.taken(now);
        }
    }
}

/// Joins an error with its causes, separated by colons.
fn in_one_line(error: &Error) -> String {
    Chain::new(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
