//! What happens, as one JSON object a line, for whoever wants to keep it.
//!
//! Invariant: a text that was sent for prediction never stands in a log.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::clock;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Info,
    /// Somebody should look at it some time.
    Warn,
    /// Something was not done that should have been.
    Error,
}

/// Takes each line, without its line end.
pub type Sink = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Where lines go.
#[derive(Clone)]
pub struct Log(Option<Sink>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Log" } else { "Log(nowhere)" })
    }
}

impl Log {
    /// Lines go to `sink`.
    pub fn to(sink: Sink) -> Self {
        Self(Some(sink))
    }

    /// Lines go nowhere.
    pub fn nowhere() -> Self {
        Self(None)
    }

    /// Writes a line: time, level, what happened, and its particulars, an object.
    pub(crate) fn event(&self, level: Level, event: &str, particulars: Value) {
        let Some(sink) = &self.0 else { return };
        let mut line = Map::new();
        line.insert("time".to_owned(), clock::now().into());
        let level_name = match level {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        line.insert("level".to_owned(), level_name.into());
        line.insert("event".to_owned(), event.into());
        if let Value::Object(particulars) = particulars {
            line.extend(particulars);
        }
        sink(level, &Value::Object(line).to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_one_object_whatever_stands_in_it() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let log = Log::to(Arc::new(move |level, line| kept.lock().unwrap().push((level, line.to_owned()))));
        log.event(Level::Warn, "model_refused", json!({ "path": "a\nb\"c" }));
        Log::nowhere().event(Level::Error, "x", json!({}));
        let lines = lines.lock().unwrap();
        let [(Level::Warn, line)] = &lines[..] else { panic!("{lines:?}") };
        assert!(!line.contains('\n'));
        let read: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&read["level"], &read["event"], &read["path"]),
            (&"warn".into(), &"model_refused".into(), &"a\nb\"c".into())
        );
    }
}
