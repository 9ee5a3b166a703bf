//! What each test of one manager begins with: running nodes, and a site on them.

use std::ops::Deref;

use tokio::sync::MutexGuard;

use super::{daemon::Program, nodes::Lab, site::Site};

/// The nodes, and this test's own site on them.
pub struct Scene {
    /// The nodes.
    pub lab: MutexGuard<'static, Lab>,
    site: Site,
}

impl Scene {
    /// Sets everything up for a daemon.
    pub async fn new(program: Program) -> Self {
        let lab = Lab::enter().await;
        let site = Site::new(&lab, program).await;
        Self { lab, site }
    }
}

impl Deref for Scene {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}
