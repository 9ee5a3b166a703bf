//! A body, or one part of it, as it comes in: bounded in bytes and in time.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::time::{Instant, timeout_at};

use crate::bridge::{answer, forward::refuse_large};
use bin_common_handler::models::error::{Error, Result};

/// Largest body of a bulk request, in bytes.
pub(in crate::bridge) const BULK_LIMIT: usize = 32 * 1024 * 1024;
/// The part of a form that holds the file.
const FILE: &str = "file";

/// Reads a body.
pub(super) struct Chunks {
    source: Source,
    deadline: Instant,
    bytes_read: usize,
}

enum Source {
    Whole(Body),
    Part(Box<Field<'static>>),
}

impl Chunks {
    /// The whole body.
    pub(super) fn whole(body: Body, deadline: Instant) -> Result<Self> {
        refuse_large(&body, BULK_LIMIT)?;
        Ok(Self::new(Source::Whole(body), deadline))
    }

    /// The file in a form, its name, and its media type.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(super) async fn file_of(
        body: Body,
        boundary: String,
        deadline: Instant,
    ) -> Result<(Self, String, String)> {
        refuse_large(&body, BULK_LIMIT)?;
        let limit = SizeLimit::new().whole_stream(BULK_LIMIT as u64);
        let constraints = Constraints::new().size_limit(limit);
        let stream = body.into_data_stream();
        let mut form = Multipart::with_constraints(stream, boundary, constraints);
        loop {
            let field = timeout_at(deadline, form.next_field())
                .await
                .map_err(|_| answer::too_slow())?
                .map_err(broken_form)?
                .ok_or_else(|| answer::bad_body("The form has no part named file."))?;
            if field.name() == Some(FILE) {
                let name = field.file_name().unwrap_or_default().to_owned();
                let kind = field.content_type().map(ToString::to_string);
                let chunks = Self::new(Source::Part(Box::new(field)), deadline);
                return Ok((chunks, name, kind.unwrap_or_default()));
            }
        }
    }

    fn new(source: Source, deadline: Instant) -> Self {
        Self {
            source,
            deadline,
            bytes_read: 0,
        }
    }

    /// Some bytes; nothing at the end.
    ///
    /// # Errors
    /// 413 beyond the limit, 503 when time is up, 400 when the rest does not arrive.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let read = timeout_at(self.deadline, self.source.read()).await;
        let Some(chunk) = read.map_err(|_| answer::too_slow())?? else {
            return Ok(None);
        };
        self.bytes_read = self.bytes_read.saturating_add(chunk.len());
        if self.bytes_read > BULK_LIMIT {
            return Err(answer::too_large(BULK_LIMIT));
        }
        Ok(Some(chunk))
    }
}

impl Source {
    async fn read(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Part(field) => field.chunk().await.map_err(broken_form),
            Self::Whole(body) => match body.frame().await {
                None => Ok(None),
                Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
                Some(Err(fault)) => Err(answer::unread(fault.into(), BULK_LIMIT)),
            },
        }
    }
}

fn broken_form(fault: multer::Error) -> Error {
    match fault {
        multer::Error::StreamSizeExceeded { .. } => return answer::too_large(BULK_LIMIT),
        multer::Error::StreamReadFailed(fault) => return answer::unread(fault, BULK_LIMIT),
        _ => {}
    }
    answer::bad_body("The form is not whole, or is none.").caused_by(fault)
}
