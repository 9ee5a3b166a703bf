//! The rules of providers: their secrets are sealed, what still needs one keeps it, and one that is deleted has none.

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::error::{Error, Result},
    redact::Secret,
    sealer::Sealer,
};

use crate::{dbhandler::phonenumbers, models::provider::Provider, tenancy::AuditedResource};

impl AuditedResource for Provider {
    const AFFECTS_ROUTING: bool = false;

    fn seal(&mut self, before: Option<&Self>, sealer: &Sealer) -> Result<()> {
        if before.is_none_or(|before| before.secret != self.secret) {
            let secret = Secret::new(std::mem::take(&mut self.secret));
            self.secret = sealer.seal(&secret, &self.secret_place())?;
        }
        Ok(())
    }

    async fn verify(&mut self, tx: &mut ChangeTx<'_>, _: Option<&Self>, _: i64) -> Result<()> {
        if self.tm_delete.is_none() {
            return Ok(());
        }
        if phonenumbers::is_needed(tx, self.id).await? {
            return Err(Error::failed_precondition(
                "PROVIDER_IN_USE",
                "Numbers are carried by this provider; delete them first.",
            ));
        }
        // Nothing opens the account any more.
        self.secret.clear();
        Ok(())
    }
}
