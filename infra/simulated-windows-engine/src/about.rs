//! What the engine says of itself (`GET /version`, `GET /info`), as one on Windows does, and that it is none.

use crate::{Engine, SIMULATED};
use serde_json::{Value, json};

/// Of the Engine API, and of the engine that it is most like.
const API: &str = "1.45";
const VERSION: &str = "26.1.5-simulated";

/// Of the machine: what it pretends is what the machine of tests has at least.
const CORES: usize = 2;
const MEMORY: u64 = 4 << 30;

impl Engine {
    /// `GET /version`
    pub(crate) fn version(&self) -> Value {
        json!({
            "Platform": { "Name": SIMULATED },
            "Version": VERSION,
            "ApiVersion": API,
            "MinAPIVersion": "1.24",
            "GitCommit": "simulated",
            "GoVersion": "none",
            "Os": "windows",
            "Arch": "amd64",
            "KernelVersion": self.kernel(),
        })
    }

    /// `GET /info`
    pub(crate) fn info(&self) -> Value {
        let cores = std::thread::available_parallelism().map_or(CORES, std::num::NonZero::get);
        json!({
            "ID": "simulated",
            "Name": "simulated-windows-engine",
            "ServerVersion": VERSION,
            "OSType": "windows",
            "OSVersion": self.arguments.os_version.to_string(),
            "OperatingSystem": format!("{SIMULATED} (OS Build {})", self.build()),
            "KernelVersion": self.kernel(),
            "Architecture": "x86_64",
            "NCPU": cores,
            "MemTotal": MEMORY,
            "Driver": "windowsfilter",
            "DriverStatus": [["Windows", ""]],
            "Isolation": self.isolation().to_string(),
            "Plugins": {
                "Volume": ["local"],
                "Network": ["ics", "internal", "l2bridge", "l2tunnel", "nat", "null", "overlay", "private", "transparent"],
                "Log": ["awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "json-file", "local", "splunk", "syslog"],
            },
            "LoggingDriver": "json-file",
            "DockerRootDir": "C:\\ProgramData\\docker",
            "ExperimentalBuild": false,
        })
    }

    /// `20348.2227`
    fn build(&self) -> String {
        let version = self.arguments.os_version.to_string();
        version.splitn(3, '.').nth(2).unwrap_or_default().to_owned()
    }

    /// `10.0 20348 (20348.2227.simulated)`
    fn kernel(&self) -> String {
        let build = self.build();
        let number = build.split('.').next().unwrap_or_default();
        format!("10.0 {number} ({build}.simulated)")
    }
}
