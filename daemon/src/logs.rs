//! A daemon's own log: lines on standard error, for people or for programs.

use acre_trace::{BadEndpoint, Exporter};
use clap::{Args, ValueEnum};
use std::{str::FromStr, sync::OnceLock};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt::MakeWriter,
    layer::{Filter, SubscriberExt as _},
    registry::LookupSpan,
    reload,
};

/// Changes the levels of the log of this process.
static CHANGE: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

/// How a daemon logs.
#[derive(Clone, Debug, Args)]
pub struct LogArguments {
    /// What is logged: error, warn, info, debug or trace, and the same by target, as info,acre_scheduler::store=debug
    #[arg(long, value_name = "LEVELS", env = "ACRE_LOG", default_value = "info", help_heading = "Logging")]
    log: Levels,
    /// How a line of the log is written
    #[arg(long, value_name = "FORMAT", value_enum, env = "ACRE_LOG_FORMAT", default_value_t, help_heading = "Logging")]
    log_format: LogFormat,
    /// Collector that spans go to, by OTLP over gRPC, as http://127.0.0.1:4317 [default: they go nowhere]
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = collector, help_heading = "Logging")]
    otlp: Option<String>,
}

/// Reads where a collector is; an empty text is nowhere.
fn collector(text: &str) -> Result<String, String> {
    let is_place = |scheme: &str| text.strip_prefix(scheme).is_some_and(|place| !place.is_empty());
    match text.is_empty() || ["http://", "https://"].into_iter().any(is_place) {
        true => Ok(text.to_owned()),
        false => Err("write http://HOST:PORT, or https://".to_owned()),
    }
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object for each line: timestamp, level, target, and the fields of what happened
    Json,
}

/// Which lines are written: a text that has been read once without a fault.
#[derive(Clone, Debug)]
struct Levels(String);

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A lone target would mean all that it says, and nothing of others: it is a mistyped level.
        let mut parts = text.split(',').map(str::trim);
        let wrong = parts.find(|part| !part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err());
        let fault = match (EnvFilter::builder().parse(text), wrong) {
            (Ok(_), None) => return Ok(Self(text.to_owned())),
            (Ok(_), Some(wrong)) => format!("`{wrong}` is no level"),
            (Err(why), _) => why.to_string(),
        };
        Err(format!("{fault}; write a level (error, warn, info, debug, trace), or TARGET=LEVEL, several by comma"))
    }
}

impl LogArguments {
    /// Begins to log to standard error. This or [`Self::begin_traced`] is to be called once in a program's life.
    pub fn begin(&self) {
        self.begin_with(None);
    }

    /// The same, and sends spans where they are wanted, as those of `service`. To be called where a tokio runtime is
    /// entered.
    pub fn begin_traced(&self, service: &'static str, version: &'static str) -> Result<Option<Exporter>, BadEndpoint> {
        let exporter = self.otlp.as_deref().filter(|endpoint| !endpoint.is_empty());
        let exporter = exporter.map(|endpoint| Exporter::start(service, version, endpoint)).transpose();
        self.begin_with(exporter.as_ref().ok().and_then(Option::as_ref));
        exporter
    }

    fn begin_with(&self, exporter: Option<&Exporter>) {
        let (levels, handle) = reload::Layer::new(EnvFilter::new(&self.log.0));
        let lines = self.lines(std::io::stderr, levels);
        let subscriber = Registry::default().with(lines).with(exporter.map(Exporter::layer));
        // The subscriber lives as long as the program.
        drop(CHANGE.set(Box::new(move |levels| drop(handle.reload(levels)))));
        // Only a second call could be refused, and the first one is as good.
        drop(tracing::subscriber::set_global_default(subscriber));
    }

    /// Logs at these levels from now on.
    pub fn change(&self) {
        if let Some(change) = CHANGE.get() {
            change(EnvFilter::new(&self.log.0));
        }
    }

    /// What is logged, line by line. Spans are for who follows a trace.
    fn lines<S, W>(&self, writer: W, levels: impl Filter<S> + Send + Sync + 'static) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
        let wanted = levels.and(filter_fn(|metadata| metadata.is_event()));
        match self.log_format {
            LogFormat::Text => lines.with_filter(wanted).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_filter(wanted).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        logs: LogArguments,
    }

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that a program of these arguments logs.
    fn logged(arguments: &[&str]) -> Vec<String> {
        let logs = Program::try_parse_from(["program"].iter().chain(arguments)).unwrap().logs;
        let page = Page::default();
        let writer = page.clone();
        let subscriber = Registry::default().with(logs.lines(move || writer.clone(), EnvFilter::new(&logs.log.0)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "acre_store", revision = 7, "committed");
            tracing::info!(target: "acre_farm", run = "r1", why = "a\nb", "placed");
            tracing::warn!(target: "acre_store", "slow");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn levels_are_chosen_for_all_and_by_target() {
        let table: [(&[&str], &[&str]); 4] = [
            (&[], &["placed", "slow"]),
            (&["--log", "warn"], &["slow"]),
            (&["--log", "warn,acre_store=debug"], &["committed", "slow"]),
            (&["--log", "off"], &[]),
        ];
        for (arguments, expected) in table {
            let lines = logged(arguments);
            let said: Vec<bool> = lines.iter().zip(expected).map(|(line, word)| line.contains(word)).collect();
            assert_eq!((said, lines.len()), (vec![true; expected.len()], expected.len()), "{arguments:?}: {lines:#?}");
        }
    }

    #[test]
    fn programs_read_an_object_for_each_line() {
        let lines = logged(&["--log-format", "json", "--log", "debug"]);
        let objects: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 3);
        assert_eq!((&objects[0]["level"], &objects[0]["revision"]), (&"DEBUG".into(), &7.into()));
        assert_eq!((&objects[1]["target"], &objects[1]["message"]), (&"acre_farm".into(), &"placed".into()));
        assert_eq!((&objects[1]["run"], &objects[1]["why"]), (&"r1".into(), &"a\nb".into()));
        assert!(objects[2]["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{}", objects[2]);
    }

    #[test]
    fn levels_that_are_none_are_refused_with_what_would_be_right() {
        for wrong in ["acre_store=loud", "info,=,=", "[{", "loud", "info,debg"] {
            let why = Program::try_parse_from(["program", "--log", wrong]).err().map(|why| why.to_string());
            assert!(
                why.as_ref().is_some_and(|why| why.contains("error, warn, info, debug, trace")),
                "{wrong}: {why:?}"
            );
        }
    }
}
