//! Writes a reply as server-sent events while it comes in.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use secondme_avatar::Error;
use tokio::time::{Instant, Sleep, sleep};

use super::telling::{Telling, Told};
use super::turn::{End, Reader, Said};

/// How often a stream without words shows that it lives: proxies give up after 60 s and less.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);
pub(super) const COMMENT: &str = ": keep-alive\n\n";

/// How the events of an API are written.
pub(super) trait Form: Send + 'static {
    fn begin(&mut self) -> String;
    /// `name` is the avatar's.
    fn piece(&mut self, told: &Told, name: &str) -> String;
    fn end(&mut self) -> String;
    fn fail(&mut self, error: &Error) -> String;
}

struct Writing<F> {
    form: F,
    reader: Reader,
    telling: Telling,
    /// What was read before the answer began.
    first: Option<Result<Said, End>>,
    begun: bool,
    ended: bool,
    silence: Pin<Box<Sleep>>,
}

/// Returns the body. `first` was read already.
pub(super) fn body<F: Form>(form: F, reader: Reader, first: Option<Result<Said, End>>) -> Body {
    let silence = Box::pin(sleep(KEEP_ALIVE));
    let writing =
        Writing { form, reader, telling: Telling::default(), first, begun: false, ended: false, silence };
    let events = stream::unfold(writing, |mut writing| async move {
        let text = writing.next().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), writing))
    });
    Body::from_stream(events)
}

impl<F: Form> Writing<F> {
    async fn next(&mut self) -> Option<String> {
        if self.ended {
            return None;
        }
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            text = self.form.begin();
            if self.first.is_none() {
                return Some(text);
            }
        }
        let next = match self.first.take() {
            Some(first) => first,
            None => tokio::select! {
                biased;
                next = self.reader.next() => next,
                () = &mut self.silence => {
                    self.silence.as_mut().reset(Instant::now() + KEEP_ALIVE);
                    return Some(COMMENT.to_owned());
                }
            },
        };
        self.silence.as_mut().reset(Instant::now() + KEEP_ALIVE);
        text += &match next {
            Ok(said) => {
                let name = self.reader.turn().name();
                self.form.piece(&self.telling.tell(said, name), name)
            }
            Err(end) => {
                self.ended = true;
                match end {
                    End::Whole => self.form.end(),
                    End::Failed(error) => self.form.fail(&error),
                }
            }
        };
        Some(text)
    }
}

/// The answer around such a body.
pub(super) fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would hold it back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
