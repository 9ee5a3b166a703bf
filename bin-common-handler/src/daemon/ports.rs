//! The ports that managers have of their own, over UDP and TCP: taken before anything is announced, so that one that
//! somebody has ends the start with one line.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Manager, StartError};
use crate::config::{Config, Setting};

/// The sockets of one address; they do not block.
pub type Sockets = (UdpSocket, TcpListener);

/// What is bound and waits for its manager, by setting. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Ports(Arc<Mutex<BTreeMap<&'static str, Sockets>>>);

impl Ports {
    /// Binds every address that a manager's own settings have.
    ///
    /// # Errors
    /// Names the setting and the address when the port is taken.
    pub(super) fn open(&self, config: &Config, manager: &Manager) -> Result<(), StartError> {
        for setting in manager.settings {
            if let Some(address) = config.listen_address(setting) {
                let sockets = bind(setting.name, address)?;
                let mut bound = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                bound.insert(setting.name, sockets);
            }
        }
        Ok(())
    }

    /// The sockets of a setting; none where it is empty.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn take(
        &self,
        config: &Config,
        setting: &Setting<Option<SocketAddr>>,
    ) -> Result<Option<Sockets>, StartError> {
        let Some(address) = config.get(setting) else {
            return Ok(None);
        };
        let mut bound = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bound.remove(setting.name()) {
            Some(sockets) => Ok(Some(sockets)),
            None => bind(setting.name(), address).map(Some),
        }
    }
}

fn bind(setting: &'static str, address: SocketAddr) -> Result<Sockets, StartError> {
    let taken = |fault| StartError::Listen {
        setting,
        address,
        fault,
    };
    let udp = UdpSocket::bind(address).map_err(taken)?;
    let tcp = TcpListener::bind(address).map_err(taken)?;
    udp.set_nonblocking(true).map_err(taken)?;
    tcp.set_nonblocking(true).map_err(taken)?;
    Ok((udp, tcp))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTEN: Setting<Option<SocketAddr>> =
        Setting::listen_address("TEST_LISTEN_ADDRESS", "", "Of a test", "127.0.0.1:1");

    #[test]
    fn a_port_waits_for_its_manager_and_a_taken_one_names_its_setting() {
        let config = |address: &str| {
            Config::with_values(&[LISTEN.erased()], &[("TEST_LISTEN_ADDRESS", address)]).unwrap()
        };
        let ports = Ports::default();
        assert!(ports.take(&config(""), &LISTEN).unwrap().is_none());

        let free = config("127.0.0.1:0");
        assert_eq!(
            free.listen_address(&LISTEN.erased()),
            Some("127.0.0.1:0".parse().unwrap())
        );
        let (udp, _tcp) = ports.take(&free, &LISTEN).unwrap().unwrap();

        let address = udp.local_addr().unwrap().to_string();
        let fault = ports.take(&config(&address), &LISTEN).unwrap_err();
        let told = fault.to_string();
        assert!(
            told.starts_with("TEST_LISTEN_ADDRESS: cannot listen on "),
            "{told}"
        );
        assert!(told.contains(&address), "{told}");
    }
}
