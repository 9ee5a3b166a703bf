//! Frames with words that the client library cannot read, put right before it sees them. It would end the connection:
//! one careless publisher would stop the queue for everybody.

/// Names the properties of a message that could not be read.
pub(super) const UNREADABLE_HEADER: &str = "x-unreadable";
/// Holds a correlation id that is no text, as it came.
pub(super) const RAW_CORRELATION_HEADER: &str = "x-correlation-id";

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const KIND_MAX: u8 = 8;
/// Kind, channel and size come before the payload.
const HEAD: usize = 7;
/// One byte comes after it.
const END: usize = 1;
/// No broker agrees to larger frames unless it is told to; they are not looked at.
const FRAME_MAX: usize = 1 << 20;
/// Class, weight and size of the body come before the flags of the properties.
const BEFORE_FLAGS: usize = 12;
const DELIVER: (u16, u16) = (60, 60);
const GET_OK: (u16, u16) = (60, 71);
const CORRELATION_ID: &str = "correlation_id";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// At most 255 bytes after their number.
    Text,
    Table,
    /// So many bytes.
    Fixed(usize),
}

/// The properties of a message in their order; the first is the highest bit of the flags.
const PROPERTIES: [(&str, Kind); 14] = [
    ("content_type", Kind::Text),
    ("content_encoding", Kind::Text),
    ("headers", Kind::Table),
    ("delivery_mode", Kind::Fixed(1)),
    ("priority", Kind::Fixed(1)),
    (CORRELATION_ID, Kind::Text),
    ("reply_to", Kind::Text),
    ("expiration", Kind::Text),
    ("message_id", Kind::Text),
    ("timestamp", Kind::Fixed(8)),
    ("type", Kind::Text),
    ("user_id", Kind::Text),
    ("app_id", Kind::Text),
    ("cluster_id", Kind::Text),
];
const HEADERS_FLAG: u16 = 1 << 13;

/// Where one frame ends and the next begins.
#[derive(Default)]
pub(super) struct Frames {
    /// Bytes of the frame under way that pass as they are.
    passing: usize,
    /// What comes is no frame: all of it passes.
    is_foreign: bool,
}

/// What to do with the bytes that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many pass as they are.
    Pass(usize),
    /// More must come first.
    Wait,
    /// So many give way to these.
    Replace(usize, Vec<u8>),
}

impl Frames {
    /// What to do with `bytes`, which follow those that passed before.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Step {
        if self.is_foreign {
            return Step::Pass(bytes.len());
        }
        if self.passing > 0 {
            let passes = self.passing.min(bytes.len());
            self.passing -= passes;
            return Step::Pass(passes);
        }
        let mut rest = Bytes(bytes);
        let (Some(kind), Some(_channel), Some(size)) = (rest.u8(), rest.u16(), rest.size()) else {
            return Step::Wait;
        };
        if !(METHOD..=KIND_MAX).contains(&kind) || size > FRAME_MAX {
            self.is_foreign = true;
            return Step::Pass(bytes.len());
        }
        let whole = HEAD + size + END;
        if kind != METHOD && kind != HEADER {
            self.passing = whole;
            return self.step(bytes);
        }
        match bytes.get(..whole) {
            None => Step::Wait,
            Some(frame) => {
                put_right(frame).map_or(Step::Pass(whole), |frame| Step::Replace(whole, frame))
            }
        }
    }
}

/// The frame that takes the place of one that cannot be read.
fn put_right(frame: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = frame.split_at_checked(HEAD)?;
    let (payload, end) = rest.split_at_checked(rest.len().checked_sub(END)?)?;
    let payload = if head.first() == Some(&HEADER) {
        readable_header(payload)?
    } else {
        readable_method(payload)?
    };
    let size = u32::try_from(payload.len()).ok()?.to_be_bytes();
    Some([head.get(..3)?, &size, &payload, end].concat())
}

/// A delivery names the exchange and the routing key of its publisher: bytes that are no text become `?`.
fn readable_method(payload: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Bytes(payload);
    let method = (rest.u16()?, rest.u16()?);
    if method == DELIVER {
        rest.short()?;
    } else if method != GET_OK {
        return None;
    }
    rest.take(9)?;
    let texts = payload.len() - rest.0.len();
    let (exchange, routing_key) = (rest.short()?, rest.short()?);
    if is_text(exchange) && is_text(routing_key) {
        return None;
    }
    let mut readable = payload.get(..texts)?.to_vec();
    for text in [exchange, routing_key] {
        let plain = text.iter().map(|b| if b.is_ascii() { *b } else { b'?' });
        readable.push(u8::try_from(text.len()).ok()?);
        readable.extend(plain);
    }
    readable.extend(rest.0);
    Some(readable)
}

/// A header whose unreadable properties are left out and named instead.
fn readable_header(payload: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Bytes(payload);
    let before = rest.take(BEFORE_FLAGS)?;
    let flags = rest.u16()?;
    let mut properties = Properties {
        flags,
        position: 0,
        rest,
    };
    let mut looked_at = properties;
    if looked_at.all(|property| property.is_readable) && looked_at.rest.0.is_empty() {
        return None;
    }
    let mut told = Told::default();
    let (mut flags, mut after_headers, mut before_headers) = (HEADERS_FLAG, vec![], vec![]);
    for property in properties.by_ref() {
        let bit = 1_u16 << (15 - property.position);
        if !property.is_readable {
            told.unreadable(&property);
        } else if property.name == "headers" {
            told.headers.extend(property.value);
        } else {
            flags |= bit;
            let to = if bit > HEADERS_FLAG {
                &mut before_headers
            } else {
                &mut after_headers
            };
            to.extend(property.written);
        }
    }
    if !properties.rest.0.is_empty() {
        told.names.push("properties");
    }
    let flags = flags.to_be_bytes();
    Some(
        [
            before,
            &flags,
            &before_headers,
            &told.table()?,
            &after_headers,
        ]
        .concat(),
    )
}

/// The headers of a message that was put right.
#[derive(Default)]
struct Told {
    headers: Vec<u8>,
    names: Vec<&'static str>,
}

impl Told {
    fn unreadable(&mut self, property: &Property) {
        self.names.push(property.name);
        if property.name == "headers" {
            readable_entries(property.value, &mut self.headers);
        } else if property.name == CORRELATION_ID {
            long_text(&mut self.headers, RAW_CORRELATION_HEADER, property.value);
        }
    }

    /// With its size before it. The last of equal names counts: ours.
    fn table(mut self) -> Option<Vec<u8>> {
        let names = self.names.join(", ");
        long_text(&mut self.headers, UNREADABLE_HEADER, names.as_bytes());
        let size = u32::try_from(self.headers.len()).ok()?.to_be_bytes();
        Some([&size[..], &self.headers].concat())
    }
}

fn long_text(to: &mut Vec<u8>, name: &str, text: &[u8]) {
    let sizes = (u8::try_from(name.len()), u32::try_from(text.len()));
    if let (Ok(name_size), Ok(text_size)) = sizes {
        to.push(name_size);
        to.extend(name.as_bytes());
        to.push(b'S');
        to.extend(text_size.to_be_bytes());
        to.extend(text);
    }
}

struct Property<'b> {
    /// From the highest bit of the flags.
    position: usize,
    name: &'static str,
    /// As it was written, and without its size.
    written: &'b [u8],
    value: &'b [u8],
    is_readable: bool,
}

/// The properties that the flags tell of, until one runs past the end.
#[derive(Clone, Copy)]
struct Properties<'b> {
    flags: u16,
    position: usize,
    rest: Bytes<'b>,
}

impl<'b> Iterator for Properties<'b> {
    type Item = Property<'b>;

    fn next(&mut self) -> Option<Property<'b>> {
        loop {
            let position = self.position;
            let (name, kind) = *PROPERTIES.get(position)?;
            self.position += 1;
            if self.flags & (1 << (15 - position)) == 0 {
                continue;
            }
            let written = self.rest.0;
            let value = match kind {
                Kind::Text => self.rest.short(),
                Kind::Table => self.rest.long(),
                Kind::Fixed(size) => self.rest.take(size),
            };
            let is_readable = value.is_some_and(|value| match kind {
                Kind::Text => is_text(value),
                Kind::Table => is_readable(value, true),
                Kind::Fixed(_) => true,
            });
            if value.is_none() {
                self.rest = Bytes(&[]);
                self.position = PROPERTIES.len();
            }
            let size = written.len() - self.rest.0.len();
            return Some(Property {
                position,
                name,
                written: written.get(..size).unwrap_or_default(),
                value: value.unwrap_or_default(),
                is_readable,
            });
        }
    }
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

/// Whether the client library reads a table, or an array. Without recursion: strangers nest them as deep as a frame
/// has room.
fn is_readable(bytes: &[u8], is_table: bool) -> bool {
    let mut rest = Bytes(bytes);
    // What is left when each ends, and whether it has names.
    let mut open = vec![(0, is_table)];
    while let Some(&(end, is_table)) = open.last() {
        if rest.0.len() == end {
            open.pop();
            continue;
        }
        if rest.0.len() < end || (is_table && !rest.short().is_some_and(is_text)) {
            return false;
        }
        let Some(kind) = rest.u8() else { return false };
        if matches!(kind, b'F' | b'A') {
            let inner_end = rest.size().and_then(|size| rest.0.len().checked_sub(size));
            match inner_end {
                Some(inner_end) if inner_end >= end => open.push((inner_end, kind == b'F')),
                _ => return false,
            }
        } else if rest.value(kind).is_none() {
            return false;
        }
    }
    true
}

/// Those entries of a table that can be read, up to one whose end is not known.
fn readable_entries(table: &[u8], to: &mut Vec<u8>) {
    let mut rest = Bytes(table);
    loop {
        let before = rest.0;
        let (Some(name), Some(kind)) = (rest.short(), rest.u8()) else {
            return;
        };
        let Some(value) = rest.value(kind) else {
            return;
        };
        let is_readable = match kind {
            b'F' | b'A' => is_readable(value, kind == b'F'),
            _ => true,
        };
        if is_text(name) && is_readable {
            let size = before.len() - rest.0.len();
            to.extend(before.get(..size).unwrap_or_default());
        }
    }
}

/// Bytes that are read from their start.
#[derive(Clone, Copy)]
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, size: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn size(&mut self) -> Option<usize> {
        let size = self.array().map(u32::from_be_bytes)?;
        usize::try_from(size).ok()
    }

    fn short(&mut self) -> Option<&'b [u8]> {
        let size = self.u8()?;
        self.take(size.into())
    }

    fn long(&mut self) -> Option<&'b [u8]> {
        let size = self.size()?;
        self.take(size)
    }

    /// A value of the kind, as the client library knows them.
    fn value(&mut self, kind: u8) -> Option<&'b [u8]> {
        match kind {
            b'V' => self.take(0),
            b't' | b'b' | b'B' => self.take(1),
            b's' | b'U' | b'u' => self.take(2),
            b'I' | b'i' | b'f' => self.take(4),
            b'D' => self.take(5),
            b'L' | b'l' | b'd' | b'T' => self.take(8),
            b'S' | b'x' | b'F' | b'A' => self.long(),
            _ => None,
        }
    }
}
