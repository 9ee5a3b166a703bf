//! Imported lists in memory: read when somebody asks, and again when another import is in force.
//!
//! A list is a compressed bitmap of the digits of its numbers. It is swapped whole; a part that is added is read
//! alone. Lists that nobody asked for lately make room for others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bin_common_handler::{
    databasehandler::Reader,
    models::error::{Error, Result},
};
use roaring::{MultiOps, RoaringTreemap};
use uuid::Uuid;

use crate::{dbhandler::dnc, models::dnclist::DncList};

/// Lists that are kept at the same time.
const LISTS_MAX: usize = 256;

/// Every list that was looked at.
#[derive(Default)]
pub(crate) struct DncBook {
    lists: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    slots: HashMap<Uuid, Slot>,
    /// Counts looks, so that the slot that was looked at longest ago is known.
    looks: u64,
}

struct Slot {
    list: Arc<tokio::sync::Mutex<Loaded>>,
    looked: u64,
}

/// One list, as far as it was read.
#[derive(Default)]
struct Loaded {
    import_id: Option<Uuid>,
    blocks: i64,
    numbers: Arc<RoaringTreemap>,
}

/// A number as its digits; nothing where it is none.
pub(crate) fn digits(e164: &str) -> Option<u64> {
    e164.strip_prefix('+')?.parse().ok()
}

/// A block as it is stored.
///
/// # Errors
/// 500, where there is no memory to write it.
pub(crate) fn written(numbers: &RoaringTreemap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(numbers.serialized_size());
    numbers
        .serialize_into(&mut bytes)
        .map_err(Error::internal)?;
    Ok(bytes)
}

/// A block as it was stored.
///
/// # Errors
/// 500 when it is none.
pub(crate) fn read(bytes: &[u8]) -> Result<RoaringTreemap> {
    RoaringTreemap::deserialize_from(bytes).map_err(Error::internal)
}

/// All at once: one after the other, each block would copy most of what is there, where numbers come in no order.
fn joined(numbers: RoaringTreemap, blocks: &[dnc::Block]) -> Result<RoaringTreemap> {
    let blocks = blocks.iter().map(|block| read(&block.bitmap));
    std::iter::once(Ok(numbers)).chain(blocks).union()
}

impl DncBook {
    /// The numbers of a list, as its row says.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn numbers(
        &self,
        reader: &mut Reader<'_>,
        list: &DncList,
    ) -> Result<Arc<RoaringTreemap>> {
        let slot = self.slot(list.id);
        // Whoever else asks for this list waits here while it is read.
        let mut loaded = slot.lock().await;
        loaded.renew(reader, list).await?;
        Ok(Arc::clone(&loaded.numbers))
    }

    fn slot(&self, list_id: Uuid) -> Arc<tokio::sync::Mutex<Loaded>> {
        let mut shelf = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.looks += 1;
        let looked = shelf.looks;
        if shelf.slots.len() >= LISTS_MAX && !shelf.slots.contains_key(&list_id) {
            let oldest = shelf.slots.iter().min_by_key(|(_, slot)| slot.looked);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                shelf.slots.remove(&oldest);
            }
        }
        let slot = shelf.slots.entry(list_id).or_insert_with(|| Slot {
            list: Arc::default(),
            looked,
        });
        slot.looked = looked;
        Arc::clone(&slot.list)
    }
}

impl Loaded {
    async fn renew(&mut self, reader: &mut Reader<'_>, list: &DncList) -> Result<()> {
        let Some(import_id) = list.import_id else {
            *self = Self::default();
            return Ok(());
        };
        let is_same = self.import_id == Some(import_id);
        if is_same && self.blocks >= list.blocks {
            return Ok(());
        }
        let after = is_same.then_some(self.blocks);
        let mut numbers = if is_same {
            RoaringTreemap::clone(&self.numbers)
        } else {
            RoaringTreemap::new()
        };
        let mut from = Uuid::nil();
        loop {
            let blocks = dnc::blocks(reader, list, import_id, after, from).await?;
            let Some(last) = blocks.last() else {
                break;
            };
            from = last.id;
            // A long list must not keep others from their turn.
            let work = move || joined(numbers, &blocks);
            let worked = tokio::task::spawn_blocking(work).await;
            numbers = worked.map_err(Error::internal)??;
        }
        numbers.optimize();
        *self = Self {
            import_id: Some(import_id),
            blocks: list.blocks,
            numbers: Arc::new(numbers),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rand::{RngExt, SeedableRng, rngs::SmallRng};

    use super::*;

    /// Numbers as they are spread over area codes and exchanges, `count` of them.
    fn numbers(count: usize) -> RoaringTreemap {
        let mut chance = SmallRng::seed_from_u64(1);
        let mut numbers = RoaringTreemap::new();
        while numbers.len() < count as u64 {
            let npa = chance.random_range(201..990_u64);
            let rest = chance.random_range(2_000_000..10_000_000_u64);
            numbers.insert(10_000_000_000 + npa * 10_000_000 + rest);
        }
        numbers
    }

    #[test]
    fn a_block_is_read_as_it_was_written() {
        let some = numbers(200_000);
        let bytes = written(&some).unwrap();
        assert_eq!(read(&bytes).unwrap(), some);
        assert!(bytes.len() < 4_000_000, "{} bytes", bytes.len());
        assert!(read(&bytes[..bytes.len() / 2]).is_err());
    }

    /// Resident memory of this process, in bytes.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// `cargo test -p bin-call-manager --release --lib ten_million -- --ignored --nocapture`
    ///
    /// As an import does it: rows become blocks of 100,000, which are read one by one into the list.
    #[test]
    #[ignore = "a measurement"]
    fn what_ten_million_numbers_take() {
        let all: Vec<u64> = numbers(10_000_000).iter().collect();
        let started = Instant::now();
        let blocks: Vec<Vec<u8>> = all
            .chunks(100_000)
            .map(|chunk| written(&chunk.iter().copied().collect()).unwrap())
            .collect();
        let stored: usize = blocks.iter().map(Vec::len).sum();
        let before = resident();
        let mut list = RoaringTreemap::new();
        for block in &blocks {
            list |= read(block).unwrap();
        }
        list.optimize();
        let memory = resident().saturating_sub(before);
        let imported = started.elapsed();
        assert_eq!(list.len(), 10_000_000);
        let asked: Vec<u64> = all.iter().step_by(997).map(|number| number + 1).collect();
        let started = Instant::now();
        let found = asked.iter().filter(|at| list.contains(**at)).count();
        let each = started.elapsed() / u32::try_from(asked.len()).unwrap();
        println!(
            "{stored} bytes stored, {memory} in memory, imported in {imported:?}, {each:?} each, \
             {found} of {} found",
            asked.len()
        );
        assert!(memory <= 200_000_000, "{memory} bytes");
        assert!(each < std::time::Duration::from_micros(100), "{each:?}");
    }
}
