//! Writes log lines as JSON. Each field is written directly: every review writes a line, and building a map first
//! takes three times as long.

use std::error::Error;
use std::fmt::{self, Debug, Write};
use std::time::SystemTime;

use humantime::format_rfc3339_micros;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats a log event as `{"timestamp":…,"level":…,"message":…, its fields, "target":…}`, without its spans.
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = format_rfc3339_micros(SystemTime::now());
        let level = event.metadata().level().as_str();
        write!(line, r#"{{"timestamp":"{now}","level":"{level}""#)?;
        let mut fields = Fields { line: &mut line, result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        line.write_str(r#","target":""#)?;
        escape(&mut line, event.metadata().target())?;
        line.write_str("\"}\n")
    }
}

/// Writes the fields of an event as members of a JSON object.
struct Fields<'line, 'buffer> {
    line: &'line mut Writer<'buffer>,
    result: fmt::Result,
}

impl Fields<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = write_name(self.line, field.name()).and_then(|()| value(self.line));
        }
    }

    fn text(&mut self, field: &Field, text: impl FnOnce(&mut Escaping<'_, '_>) -> fmt::Result) {
        self.member(field, |line| {
            line.write_char('"')?;
            text(&mut Escaping(line))?;
            line.write_char('"')
        });
    }
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |inside| inside.write_str(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |line| line.write_str(if value { "true" } else { "false" }));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |line| line.write_str(itoa::Buffer::new().format(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has neither infinity nor NaN.
        self.member(field, |line| if value.is_finite() { write!(line, "{value}") } else { line.write_str("null") });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, |inside| write!(inside, "{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |inside| write!(inside, "{value:?}"));
    }
}

/// Writes the name of a field. It needs no escapes, since it is a Rust identifier or a literal of this program.
fn write_name(line: &mut Writer<'_>, name: &str) -> fmt::Result {
    line.write_str(",\"")?;
    line.write_str(name)?;
    line.write_str("\":")
}

/// Escapes the text that is written to it for a JSON string.
struct Escaping<'line, 'buffer>(&'line mut Writer<'buffer>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text)
    }
}

/// Escapes quotes, backslashes and control characters (RFC 8259, section 7), all of one byte in UTF-8.
fn escape(line: &mut Writer<'_>, mut text: &str) -> fmt::Result {
    let special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    while let Some((plain, (byte, rest))) = text
        .bytes()
        .position(special)
        .and_then(|at| Some((text.get(..at)?, (text.as_bytes().get(at)?, text.get(at + 1..)?))))
    {
        line.write_str(plain)?;
        match byte {
            b'"' => line.write_str("\\\"")?,
            b'\\' => line.write_str("\\\\")?,
            b'\n' => line.write_str("\\n")?,
            control => write!(line, "\\u{control:04x}")?,
        }
        text = rest;
    }
    line.write_str(text)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::{info, subscriber::with_default, warn};

    use super::*;

    /// Returns the log lines that `log` writes.
    fn lines(log: impl FnOnce()) -> Vec<Value> {
        #[derive(Clone, Default)]
        struct Memory(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Memory {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let memory = Memory::default();
        let writer = memory.clone();
        let subscriber = tracing_subscriber::fmt().event_format(JsonLines).with_writer(move || writer.clone()).finish();
        with_default(subscriber, log);
        let written = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_its_event() {
        let absent: Option<&str> = None;
        let lines = lines(|| {
            info!(uid = %"u-1", kind = "Pod", images = 3_usize, below = -1, ratio = 0.5, nan = f64::NAN, absent, "reviewed");
            warn!(error = %io::Error::other("no"), list = ?["a"], "failed {}", 1);
        });
        let expected = [
            json!({"level": "INFO", "message": "reviewed", "uid": "u-1", "kind": "Pod", "images": 3, "below": -1,
                "ratio": 0.5, "nan": null}),
            json!({"level": "WARN", "message": "failed 1", "error": "no", "list": "[\"a\"]"}),
        ];
        for (mut line, mut expected) in lines.into_iter().zip(expected) {
            let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert!(timestamp.as_str().unwrap().len() == "2026-11-21T09:56:37.611556Z".len(), "{timestamp}");
            expected["target"] = json!("quench::telemetry::lines::tests");
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn hostile_text_stays_inside_its_string() {
        let hostile = "\",\"level\":\"ERROR\"}\n{\\ \u{0}\u{1f}\u{7f}\r\t é \u{2028} \u{1f600}";
        let lines = lines(|| info!(shown = %hostile, text = hostile, debug = ?hostile, "{hostile}"));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!([&line["shown"], &line["text"], &line["message"]], [hostile; 3]);
        assert_eq!((line["debug"].as_str().unwrap(), &line["level"]), (&*format!("{hostile:?}"), &json!("INFO")));
    }
}
