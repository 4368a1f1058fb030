//! Standard output and error of providers, line by line into the log.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;
use weft_model::id::ProviderId;
use weft_runtime::field;

/// Bytes of one line; the rest of a longer one is left out.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Bytes that are read at once.
const READ_BYTES: usize = 8 << 10;
/// Lines of one stream that are logged in a second, and how many at once.
const LINES_PER_SECOND: u64 = 200;
const LINES_BURST: u64 = 1000;

/// Which stream a line comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// Cuts what is read into lines.
#[derive(Debug, Default)]
struct Lines {
    /// The beginning of the line that has not ended.
    line: Vec<u8>,
    /// Whether its end is left out.
    is_cut: bool,
}

/// How many lines may be logged: it grows with time, up to a bound.
#[derive(Debug)]
struct Allowance {
    /// In thousandths of a line.
    left: u64,
    counted_at: Duration,
    /// Lines that were left out since one was last logged.
    dropped: u64,
}

/// Logs what `stream` says until it ends.
pub(super) async fn log(mut pipe: impl AsyncRead + Unpin, stream: Stream, provider: ProviderId) {
    let began = Instant::now();
    let mut lines = Lines::default();
    let mut allowance = Allowance::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        // A pipe that cannot be read has nothing more to say.
        let length = pipe.read(&mut buffer).await.unwrap_or_default();
        let mut write = |line: &[u8]| {
            if let Some(dropped) = allowance.take(began.elapsed()) {
                if dropped > 0 {
                    tracing::warn!({ field::PROVIDER_ID } = %provider, dropped, "Dropped output of a provider that writes too much");
                }
                write(&provider, stream, line);
            }
        };
        if length == 0 {
            lines.end(&mut write);
            return;
        }
        lines.push(&buffer[..length], &mut write);
    }
}

fn write(provider: &ProviderId, stream: Stream, line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    match stream {
        Stream::Stdout => {
            tracing::info!(target: "weft::provider", stream = "stdout", { field::PROVIDER_ID } = %provider, "{text}");
        }
        Stream::Stderr => {
            tracing::info!(target: "weft::provider", stream = "stderr", { field::PROVIDER_ID } = %provider, "{text}");
        }
    }
}

// ===== impl Lines =====

impl Lines {
    /// Takes in `bytes`, and gives the lines that end in them to `write`. Empty ones are left out.
    fn push(&mut self, bytes: &[u8], mut write: impl FnMut(&[u8])) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let ended = part.last() == Some(&b'\n');
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_BYTES_MAX - self.line.len();
            self.is_cut |= text.len() > room;
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ended {
                self.end(&mut write);
            }
        }
    }

    /// Ends the line.
    fn end(&mut self, mut write: impl FnMut(&[u8])) {
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if std::mem::take(&mut self.is_cut) {
            self.line.extend_from_slice(" [cut]".as_bytes());
        }
        if !self.line.is_empty() {
            write(&self.line);
        }
        self.line.clear();
    }
}

// ===== impl Allowance =====

impl Allowance {
    fn new() -> Self {
        Self {
            left: LINES_BURST * 1000,
            counted_at: Duration::ZERO,
            dropped: 0,
        }
    }

    /// Whether a line may be logged `now`; then how many were not since the last.
    fn take(&mut self, now: Duration) -> Option<u64> {
        let passed = now.saturating_sub(self.counted_at).as_millis();
        self.counted_at = now;
        let gained = u64::try_from(passed)
            .unwrap_or(u64::MAX)
            .saturating_mul(LINES_PER_SECOND);
        self.left = self.left.saturating_add(gained).min(LINES_BURST * 1000);
        if self.left < 1000 {
            self.dropped += 1;
            return None;
        }
        self.left -= 1000;
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut written = Vec::new();
        let mut write = |line: &[u8]| written.push(String::from_utf8_lossy(line).into_owned());
        for part in parts {
            lines.push(part, &mut write);
        }
        lines.end(&mut write);
        written
    }

    #[test]
    fn output_is_cut_into_lines_of_bounded_length() {
        assert_eq!(
            lines(&[b"one\ntw", b"o\r\n\n", b"three"]),
            ["one", "two", "three"]
        );
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let cut = lines(&[&long, &long, b"\nnext\n"]);
        assert_eq!(cut[0].len(), LINE_BYTES_MAX + " [cut]".len());
        assert_eq!(cut[1..], ["next"]);
    }

    #[test]
    fn a_flood_is_counted_and_not_logged() {
        let mut allowance = Allowance::new();
        let mut take = |millis| allowance.take(Duration::from_millis(millis));
        for _ in 0..LINES_BURST {
            assert_eq!(take(0), Some(0));
        }
        assert_eq!([take(0), take(1), take(4)], [None; 3]);
        assert_eq!(take(5), Some(3));
        assert_eq!(take(5), None);
    }
}
