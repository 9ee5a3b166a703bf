//! Opt-outs of numbers that SQL does not see: it compares whole texts, and in a SIP address a number is a part.

use std::collections::BTreeSet;

use bin_common_handler::{
    databasehandler::{Db, Reader, Tx, list},
    models::{
        address::{Address, AddressType},
        error::Result,
    },
};
use uuid::Uuid;

use super::limits::Limits;
use crate::models::outdialtarget::OutdialTarget;

/// Texts that one statement asks for.
const TEXTS_PER_QUERY: usize = 500;

/// A target with a number in it that SQL did not compare, and what would have to be opted out of.
struct Hidden {
    id: Uuid,
    texts: Vec<String>,
}

#[derive(bin_common_handler::FromRow)]
struct OptOut {
    number: String,
}

/// Those of some targets of which everything that the limits admit belongs to people who opted out.
///
/// # Errors
/// 503.
pub(crate) async fn opted_out(
    db: &Db,
    customer_id: Uuid,
    limits: &Limits,
    targets: &[OutdialTarget],
) -> Result<Vec<Uuid>> {
    among(&mut Reader::Db(db), customer_id, hidden(limits, targets)).await
}

/// As [`opted_out`], as the transaction sees it.
///
/// # Errors
/// 503.
pub(crate) async fn opted_out_in(
    tx: &mut Tx,
    customer_id: Uuid,
    limits: &Limits,
    targets: &[OutdialTarget],
) -> Result<Vec<Uuid>> {
    among(&mut Reader::Tx(tx), customer_id, hidden(limits, targets)).await
}

async fn among(
    reader: &mut Reader<'_>,
    customer_id: Uuid,
    targets: Vec<Hidden>,
) -> Result<Vec<Uuid>> {
    let texts: BTreeSet<&str> = targets
        .iter()
        .flat_map(|target| target.texts.iter().map(String::as_str))
        .collect();
    let texts: Vec<&str> = texts.into_iter().collect();
    let mut gone: BTreeSet<String> = BTreeSet::new();
    for some in texts.chunks(TEXTS_PER_QUERY) {
        let (marks, some) = list(some.iter().copied());
        let sql = format!(
            "SELECT number FROM outdial_optouts WHERE customer_id = ? AND number IN ({marks})"
        );
        let values = std::iter::once(customer_id.into()).chain(some).collect();
        let found: Vec<OptOut> = reader.fetch_all(&sql, values).await?;
        gone.extend(found.into_iter().map(|row| row.number));
    }
    let is_gone = |target: &&Hidden| target.texts.iter().all(|text| gone.contains(text));
    Ok(targets
        .iter()
        .filter(is_gone)
        .map(|target| target.id)
        .collect())
}

fn hidden(limits: &Limits, targets: &[OutdialTarget]) -> Vec<Hidden> {
    let of = |target: &OutdialTarget| {
        let addresses = limits.admitted(target).into_iter().filter(is_callable);
        let mut is_hidden = false;
        let text = |address: &Address| match hidden_number(address) {
            Some(number) => {
                is_hidden = true;
                number
            }
            None => address.target.clone(),
        };
        let texts: Vec<String> = addresses.map(text).collect();
        let id = target.id;
        is_hidden.then_some(Hidden { id, texts })
    };
    targets.iter().filter_map(of).collect()
}

/// Whether SQL takes it for an address, too.
fn is_callable(address: &&Address) -> bool {
    !address.target.is_empty() && !matches!(address.kind, AddressType::Other(_))
}

/// The number of an address that does not stand there as a number is kept.
fn hidden_number(address: &Address) -> Option<String> {
    let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if address.target.strip_prefix('+').is_some_and(is_plain) {
        return None;
    }
    let number = address.dialled().number()?;
    Some(number.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(AddressType::Tel, "+14155550123", None)]
    #[case(AddressType::Tel, "(415) 555-0123", Some("+14155550123"))]
    #[case(AddressType::Sip, "+14155550123@10.0.0.1", Some("+14155550123"))]
    #[case(
        AddressType::Sip,
        "sips:+14155550123;user=phone@x",
        Some("+14155550123")
    )]
    #[case(AddressType::Sip, "ann@example.com", None)]
    #[case(AddressType::Email, "ann@example.com", None)]
    fn a_number_is_found_in_an_address(
        #[case] kind: AddressType,
        #[case] target: &str,
        #[case] number: Option<&str>,
    ) {
        let address = Address {
            kind,
            target: target.to_owned(),
            ..Address::default()
        };
        assert_eq!(hidden_number(&address).as_deref(), number);
    }
}
