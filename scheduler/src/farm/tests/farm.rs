//! A farm that is told what happens in words, and shows itself as text.

use crate::farm::{Compiled, Effects, Event, GroupState, Mono, NewRun, Now, SessionId, State, UnitState, apply};
use acre_model::{
    attempt::{AttemptId, Ended, Fence, Progress, UnitResult, Workspace},
    capability::{Capability, Engine, Mode, Privileges, Served, Way},
    digest::Digest,
    ids::{AgentId, GroupId, PoolName, ProjectName, RunId, UnitId},
    origin::{Origin, Start},
    outcome::{Cause, Outcome, Skip},
    plan::{
        Action, Build, Cmd, Condition, Context, Fetch, GitAddress, Group, Index, Plan, Push, Reports, ResolvedSource,
        Rules, Unit,
    },
    run::UnitPhase,
    secret::Nonce,
    session::{AgentState, AttemptState, Intent},
    submission::Emulation,
    time::Timestamp,
};
use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

/// A farm, its agents, and names for its runs.
#[derive(Default)]
pub(super) struct Farm {
    pub(super) state: State,
    pub(super) last: Effects,
    now: u64,
    sessions: BTreeMap<AgentId, SessionId>,
    runs: BTreeMap<String, RunId>,
    revision: u64,
    /// The last attempts that scripts ended, by `run.unit`.
    over: BTreeMap<String, (AgentId, AttemptState)>,
    /// Runs that ended, with how.
    pub(super) ended: Vec<(String, String)>,
    /// What was asked for.
    said: Vec<String>,
}

/// `task=NAME`, and `branch=NAME` or `pull=NUMBER`.
fn origin(options: &[&str]) -> Origin {
    let of = |name: &str| options.iter().find_map(|option| option.strip_prefix(name));
    let commit = "a".repeat(40);
    let cause = match (of("branch="), of("pull=")) {
        (Some(branch), _) => Start::Commit { commit, branch: Some(branch.to_owned()), tag: None, provider: None },
        (None, Some(number)) => {
            Start::PullRequest { number: number.parse().unwrap(), commit, branch: "topic".to_owned(), provider: None }
        }
        (None, None) => Start::Manual,
    };
    Origin { task: of("task=").map(|task| task.parse().unwrap()), cause }
}

fn digest() -> Digest {
    Digest::from_bytes([7; 32])
}

/// Trees are numbers; `-` is none.
fn tree(name: &str) -> Option<Digest> {
    name.parse().ok().map(|number| Digest::from_bytes([number; 32]))
}

fn tree_name(tree: Option<Digest>) -> String {
    tree.map_or_else(|| "-".to_owned(), |tree| tree.as_bytes()[0].to_string())
}

impl Farm {
    /// Does what the first line says; the lines after it describe a plan.
    pub(super) fn command(&mut self, lines: &[&str]) {
        let words: Vec<&str> = lines[0].split_whitespace().collect();
        match words[..] {
            ["submit", run, ref options @ ..] => self.submit(run, options, &lines[1..]),
            ["agent", name, ref options @ ..] => self.agent(name, options),
            ["started", unit] => self.told(unit, Progress::Started { at: self.now().wall }),
            ["ended", unit, ref how @ ..] => self.ended(unit, how),
            ["stale", unit, number] => self.stale(unit, number.parse().unwrap()),
            ["gone", name] => {
                let agent: AgentId = name.parse().unwrap();
                let session = self.sessions[&agent];
                self.event(Event::AgentGone { agent, session });
            }
            ["heard", name] => {
                let agent: AgentId = name.parse().unwrap();
                let session = self.sessions[&agent];
                self.event(Event::AgentHeard { agent, session });
            }
            ["wait", millis] => {
                self.now += millis.parse::<u64>().unwrap();
                self.event(Event::Tick);
            }
            ["pass", millis] => self.pass(millis.parse().unwrap()),
            ["explain", run] => {
                let view = self.state.explain(&self.runs[run], self.now().mono).unwrap();
                let why = view.units.iter().filter_map(|unit| match &unit.phase {
                    UnitPhase::Queued(reasons) => Some(format!("{}: {}", unit.step, reasons.join("; "))),
                    _ => None,
                });
                self.said.extend(why);
            }
            ["cancel", run] => self.event(Event::CancelRequested { run: self.runs[run].clone() }),
            ["drain", name] => self.event(Event::DrainRequested { agent: name.parse().unwrap(), draining: true }),
            ["leaves", name] => {
                let agent: AgentId = name.parse().unwrap();
                let (session, capability) = (self.sessions[&agent], self.state.agents[&agent].capability.clone());
                let state = AgentState { capability, attempts: Vec::new(), groups: Vec::new(), leaving: true };
                self.event(Event::AgentTold { agent, session, state });
            }
            ["compiled", run] => {
                let plan = Arc::new(plan([&self.first(run), &lines[1..]].concat()));
                let (run, digest) = (self.runs[run].clone(), digest());
                self.event(Event::Compiled { run, compiled: Ok(Compiled::Whole { plan, digest }) });
            }
            ["wants-aliases", run] => {
                let plan = Arc::new(plan(vec!["source source", "aliases aliases"]));
                let (run, addresses) = (self.runs[run].clone(), vec!["https://h.example/a".to_owned()]);
                self.event(Event::Compiled { run, compiled: Ok(Compiled::AliasesFirst { addresses, plan }) });
            }
            ["afterwards", unit, code, ref text @ ..] => self.afterwards(unit, code.parse().unwrap(), &text.join(" ")),
            ["unsent", unit, ref why @ ..] => {
                let (agent, attempt, fence) = self.attempt(unit);
                self.event(Event::AttemptUnsent { agent, attempt, fence, why: why.join(" ") });
            }
            ["faulty", run] => {
                let run = self.runs[run].clone();
                self.event(Event::Compiled { run, compiled: Err("acb.yaml:1:1: no steps".to_owned()) });
            }
            ["restart"] => self.restart(),
            _ => panic!("unknown command {:?}", lines[0]),
        }
    }

    /// Time passes while agents are heard.
    fn pass(&mut self, millis: u64) {
        let until = self.now + millis;
        while self.now < until {
            self.now = until.min(self.now + 5000);
            for (agent, session) in self.sessions.clone() {
                self.event(Event::AgentHeard { agent, session });
            }
            self.event(Event::Tick);
        }
    }

    pub(super) fn now(&self) -> Now {
        Now { wall: Timestamp::from_millis(1_000_000 + self.now), mono: Mono(self.now) }
    }

    /// Applies an event and commits: assignments get their fences.
    pub(super) fn event(&mut self, event: Event) {
        let now = self.now();
        let effects = apply(&mut self.state, event, now);
        self.revision += 1;
        for ((_, run, unit), assignment) in &effects.assignments {
            if assignment.is_some() {
                self.state.set_fence(run, *unit, Fence(self.revision));
            }
        }
        for (run, last) in &effects.ended {
            let name = self.name(run);
            let error = last.view.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            self.ended.push((name, format!("{}{error}", last.view.status)));
        }
        self.last = effects;
    }

    fn name(&self, run: &RunId) -> String {
        self.runs.iter().find(|(_, id)| *id == run).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn submit(&mut self, name: &str, options: &[&str], units: &[&str]) {
        let id = RunId::new(1_800_000_000, 0, self.runs.len() as u32);
        self.runs.insert(name.to_owned(), id.clone());
        let is_fetched = options.contains(&"fetched");
        let plan = if is_fetched { plan(vec!["source source"]) } else { plan(units.to_vec()) };
        let emulation = options.iter().find_map(|option| option.strip_prefix("emulation="));
        let project = options.iter().find_map(|option| option.strip_prefix("project="));
        let timeout = options.iter().find_map(|option| option.strip_prefix("timeout=")).map(|t| t.parse().unwrap());
        self.event(Event::Submitted(NewRun {
            id,
            project: project.map_or_else(ProjectName::default, |project| project.parse().unwrap()),
            submission: digest(),
            source_shown: "/src".to_owned(),
            task_shown: "acb.yaml".to_owned(),
            origin: origin(options),
            cancel_superseded: options.contains(&"supersedes"),
            pool: PoolName::default(),
            emulation: emulation.map_or_else(Emulation::default, |policy| policy.parse().unwrap()),
            timeout_ms: timeout,
            nonce: Nonce::default(),
            trace: None,
            resolved: None,
            aliases: Vec::new(),
            plan: Arc::new(plan),
            plan_digest: (!is_fetched).then(digest),
        }));
    }

    pub(super) fn agent(&mut self, name: &str, options: &[&str]) {
        let agent: AgentId = name.parse().unwrap();
        let session = SessionId(self.revision + 1);
        self.sessions.insert(agent.clone(), session);
        let capability = capability(options);
        self.event(Event::AgentConnected { agent, session, capability });
    }

    /// What a run that is not compiled yet has, as lines of a plan.
    fn first(&self, run: &str) -> Vec<&'static str> {
        let units = &self.state.runs[&self.runs[run]].plan.units;
        let line = |unit: &Unit| match &unit.action {
            Action::Source(Fetch::Aliases(_)) => "aliases aliases",
            _ => "source source",
        };
        units.iter().map(line).collect()
    }

    fn attempt(&self, unit: &str) -> (AgentId, AttemptId, Fence) {
        let (run, unit) = unit.split_once('.').unwrap();
        let run = &self.state.runs[&self.runs[run]];
        let index = run.plan.units.iter().position(|planned| planned.step.as_str() == unit).unwrap();
        let id = UnitId(index as u32);
        let record = &run.record.units[index];
        let UnitState::Active { agent, .. } = &record.state else { panic!("{unit} is not active") };
        let attempt = AttemptId { run: run.record.id.clone(), unit: id, number: record.attempts };
        (agent.clone(), attempt, run.fences[&id])
    }

    pub(super) fn told(&mut self, unit: &str, progress: Progress) {
        let (agent, attempt, fence) = self.attempt(unit);
        self.tell(agent, AttemptState { attempt, fence, progress });
    }

    pub(super) fn tell(&mut self, agent: AgentId, attempt: AttemptState) {
        let Some(session) = self.sessions.get(&agent).copied() else { return };
        let Some(known) = self.state.agents.get(&agent) else { return };
        let capability = known.capability.clone();
        let state = AgentState { capability, attempts: vec![attempt], groups: Vec::new(), leaving: known.leaving };
        self.event(Event::AgentTold { agent, session, state });
    }

    fn ended(&mut self, unit: &str, how: &[&str]) {
        let mut code = None;
        let (how, workspace) = match how {
            [how @ .., "left", before, after] => (how, Some(Workspace { before: tree(before), after: tree(after) })),
            how => (how, None),
        };
        let outcome = match how {
            ["ok"] => Outcome::Succeeded,
            ["exit", "0"] => {
                code = Some(0);
                Outcome::Succeeded
            }
            ["fail", code] => {
                Outcome::Failed { exit_code: Some(code.parse().unwrap()), message: format!("exit code {code}") }
            }
            ["infra"] => Outcome::Infrastructure { cause: Cause::Engine, message: "broke off".to_owned() },
            ["canceled"] => Outcome::Canceled,
            ["timeout"] => Outcome::TimedOut { limit_ms: 1000 },
            other => panic!("unknown outcome {other:?}"),
        };
        let mut ended = self.end(outcome);
        ended.result.exit_code = code;
        ended.result.workspace = workspace;
        let (agent, attempt, fence) = self.attempt(unit);
        self.over
            .insert(unit.to_owned(), (agent.clone(), AttemptState { attempt, fence, progress: Progress::Preparing }));
        self.told(unit, Progress::Ended(ended));
    }

    /// What the agent of an attempt that ended tells of its container later.
    fn afterwards(&mut self, unit: &str, code: i64, text: &str) {
        let (agent, mut attempt) = self.over[unit].clone();
        let mut ended = self.end(Outcome::Succeeded);
        ended.result.exit_code = Some(code);
        ended.result.afterwards = Some(text.to_owned());
        attempt.progress = Progress::Ended(ended);
        self.tell(agent, attempt);
    }

    pub(super) fn end(&self, outcome: Outcome) -> Ended {
        let source = ResolvedSource { tree: Some(digest()), commit: Some("c".repeat(40)), reference: None };
        let (image, pushed) = (Some(digest()), Some(digest()));
        let result = UnitResult { source: Some(source), image, pushed, ..UnitResult::default() };
        Ended { started_at: Some(self.now().wall), at: self.now().wall, outcome, result, log_bytes: 0 }
    }

    /// An end told by an agent under an attempt number that is not the current one.
    fn stale(&mut self, unit: &str, number: u32) {
        let (agent, mut attempt, fence) = self.attempt(unit);
        attempt.number = number;
        let progress = Progress::Ended(self.end(Outcome::Succeeded));
        self.tell(agent, AttemptState { attempt, fence, progress });
    }

    /// The scheduler starts anew from what is stored; assignments keep their fences.
    fn restart(&mut self) {
        let runs = std::mem::take(&mut self.state.runs);
        self.sessions.clear();
        self.now = 0;
        self.state = State::restore(runs.into_values().collect(), self.state.patience, self.now().mono);
        self.event(Event::Loaded);
    }

    /// The farm as text: runs with their units, then what each agent should have.
    pub(super) fn look(&mut self) -> String {
        let mut text = String::new();
        for (name, how) in std::mem::take(&mut self.ended) {
            writeln!(text, "{name} ended: {how}").unwrap();
        }
        for line in std::mem::take(&mut self.said) {
            writeln!(text, "{line}").unwrap();
        }
        for run in self.state.runs.values() {
            let status = self.state.view(&run.record.id).unwrap().status;
            let units = run.plan.units.iter().zip(&run.record.units);
            let units: Vec<String> = units.map(|(unit, record)| shown(unit, record)).collect();
            writeln!(text, "{} {status}: {}", self.name(&run.record.id), units.join(", ")).unwrap();
        }
        for agent in self.state.agents.keys() {
            let desired = self.state.desired(agent);
            let groups = desired.groups.iter().map(|group| {
                let attempts = group.attempts.iter().map(|attempt| {
                    let stop = if matches!(attempt.intent, Intent::Stop { .. }) { " stop" } else { "" };
                    let children = attempt.unit.children.iter().map(|child| match child.digest {
                        Some(_) => format!(" +{}", child.platform),
                        None => format!(" -{}", child.platform),
                    });
                    let children: String = children.collect();
                    format!("{}#{}{children}{stop}", attempt.unit.step, attempt.attempt.number)
                });
                let key = &group.key;
                let name = format!("{}/{}", self.name(&key.run), key.group.0);
                let fetched = group.fetched.iter().map(|(source, _)| format!("fetched-by-{}", source.0));
                let changes = group.changes.iter().map(|(unit, Workspace { before, after })| {
                    format!("{unit}:{}>{}", tree_name(*before), tree_name(*after))
                });
                let all: Vec<String> = attempts.chain(fetched).chain(changes).collect();
                format!("{name}.{}[{}]", key.incarnation, all.join(" "))
            });
            let groups: Vec<String> = groups.collect();
            let groups = if groups.is_empty() { "nothing".to_owned() } else { groups.join(" ") };
            writeln!(text, "  {agent} {:?}: {groups}", self.state.agents[agent].readiness()).unwrap();
        }
        if !self.last.compile.is_empty() {
            writeln!(text, "  compile").unwrap();
        }
        text.trim_end().to_owned()
    }
}

fn shown(unit: &Unit, record: &crate::farm::UnitRecord) -> String {
    let state = match &record.state {
        UnitState::Waiting => "waiting".to_owned(),
        UnitState::Ready => "ready".to_owned(),
        UnitState::Active { agent, started_at, .. } => {
            let word = if started_at.is_none() { "assigned" } else { "running" };
            let way = record.way.filter(|way| *way != Way::Native).map(|way| format!(" {way}")).unwrap_or_default();
            format!("{word} {agent}#{}{way}", record.attempts)
        }
        UnitState::Ended { outcome: Outcome::Succeeded, result, .. } => match &result.afterwards {
            Some(afterwards) => format!("ok ({afterwards})"),
            None => "ok".to_owned(),
        },
        UnitState::Ended { outcome: Outcome::Skipped(Skip::Condition), .. } => "left out".to_owned(),
        UnitState::Ended { outcome: Outcome::Skipped(_), .. } => "skipped".to_owned(),
        UnitState::Ended { outcome: Outcome::Failed { .. }, .. } => "failed".to_owned(),
        UnitState::Ended { outcome: Outcome::Infrastructure { cause, .. }, .. } => format!("{cause:?}"),
        UnitState::Ended { outcome, .. } => format!("{outcome:?}"),
    };
    format!("{}={state}", unit.step)
}

fn capability(options: &[&str]) -> Capability {
    let option = |name: &str| options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    let platforms = option("platform").unwrap_or("linux/amd64").split(',');
    let emulated = option("emulates").into_iter().flat_map(|platforms| platforms.split(','));
    let served =
        platforms.map(|platform| (platform, Mode::Native)).chain(emulated.map(|platform| (platform, Mode::Emulated)));
    let served = served.map(|(platform, mode)| Served { platform: platform.parse().unwrap(), mode });
    let slots = option("slots").map_or(2, |slots| slots.parse().unwrap());
    Capability {
        platforms: served.collect(),
        pool: option("pool").map_or_else(PoolName::default, |pool| pool.parse().unwrap()),
        slots,
        cpus: option("cpus").map_or(slots, |cpus| cpus.parse().unwrap()),
        memory: option("memory").map_or(1 << 30, |gib| gib.parse::<u64>().unwrap() << 30),
        engine: if options.contains(&"down") {
            Engine::Down("does not answer".to_owned())
        } else {
            Engine::Ready {
                name: "simulated".into(),
                version: "1".into(),
                buildkit: !options.contains(&"classic"),
                containerd_store: false,
            }
        },
        version: "0.1.0".to_owned(),
        allows: Privileges { privileged: options.contains(&"privileged"), engine_socket: options.contains(&"socket") },
        labels: Default::default(),
        disk_free: option("disk").map_or(1 << 40, |gib| gib.parse::<u64>().unwrap() << 30),
        disk_size: 1 << 41,
        windows: None,
    }
}

/// A plan from lines `NAME KIND [group=G] [takes=A,B] [after=A,B] [platform=P] [always] [ignore] [again] [exited-with=C,D]
/// [exited-without=C,D]`, of a `cmd` also `[detach] [privileged] [socket] [cpus=N] [memory=GIB]`, of a build `[uses=SOURCE]
/// [cross]`, of an index, whose children are what it comes after, `[partial]`; what is fetched by those before waits for
/// nothing.
pub(super) fn plan(lines: Vec<&str>) -> Plan {
    let mut plan = Plan::default();
    lines.into_iter().for_each(|line| add_unit(&mut plan, line));
    plan
}

fn add_unit(plan: &mut Plan, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let id = UnitId(plan.units.len() as u32);
    let platform = option("platform").unwrap_or("linux/amd64").parse().unwrap();
    let group = option("group").map_or(GroupId(plan.groups.len() as u32), |group| GroupId(group.parse().unwrap()));
    let after = option("after").map(|names| names.split(',').collect::<Vec<_>>()).unwrap_or_default();
    let place = |name: &str| plan.units.iter().find(|unit| unit.step.as_str() == name).unwrap().id;
    let mut after: Vec<UnitId> = after.into_iter().map(place).collect();
    let kind = words[1];
    if after.is_empty() && !matches!(kind, "source" | "aliases") {
        let first = |unit: &&Unit| matches!(unit.step.as_str(), "source" | "aliases");
        after.extend(plan.units.iter().filter(first).map(|unit| unit.id));
    }
    let codes = |name: &str| {
        option(name).into_iter().flat_map(|codes| codes.split(',')).map(|code| code.parse().unwrap()).collect()
    };
    let action = action(kind, &words, option("uses").map(place), &after);
    plan.units.push(Unit {
        id,
        name: format!("{}@{platform}", words[0]),
        step: words[0].parse().unwrap(),
        line: 0,
        platform,
        group,
        after,
        action,
        rules: Rules {
            timeout_ms: 600_000,
            start_delay_ms: 0,
            retries: 0,
            retry_delay_ms: 0,
            retry_on_errors: Vec::new(),
            repeat: 0,
            ignore_errors: words.contains(&"ignore"),
            always: words.contains(&"always"),
            may_run_again: kind != "cmd" || words.contains(&"again"),
        },
        reports: Reports::default(),
        artifacts: Vec::new(),
        hands_over: false,
        condition: Condition { exited_with: codes("exited-with"), exited_without: codes("exited-without") },
    });
    let platform = plan.units[id.index()].platform.clone();
    if group.index() == plan.groups.len() {
        plan.groups.push(Group { platform, units: Vec::new(), network: false, cross: false, takes: Vec::new() });
    }
    plan.groups[group.index()].units.push(id);
    plan.groups[group.index()].cross |= words.contains(&"cross");
    let takes = option("takes").into_iter().flat_map(|names| names.split(','));
    let takes: Vec<UnitId> =
        takes.map(|name| plan.units.iter().find(|unit| unit.step.as_str() == name).unwrap().id).collect();
    takes.iter().for_each(|taken| plan.units[taken.index()].hands_over = true);
    plan.groups[group.index()].takes.extend(takes);
}

fn action(kind: &str, words: &[&str], uses: Option<UnitId>, after: &[UnitId]) -> Action {
    let name = words[0];
    let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    match kind {
        "source" => {
            let repository = "https://h.example/r.git".into();
            Action::Source(Fetch::Git(GitAddress { repository, reference: None, subdirectory: None }))
        }
        "aliases" => Action::Source(Fetch::Aliases(vec!["https://h.example/a".to_owned()])),
        "build" => Action::Build(Build {
            context: match uses {
                Some(source) => Context::Fetched { source, folder: String::new() },
                None => Context::Tree(String::new()),
            },
            dockerfile: "Dockerfile".into(),
            tags: vec![format!("{name}:1").parse().unwrap()],
            dependencies: Some(Vec::new()),
            ..Build::default()
        }),
        "push" => Action::Push(Push { reference: format!("{name}:1").parse().unwrap(), as_child: false }),
        "index" => Action::Index(Index {
            kept: Vec::new(),
            reference: format!("{name}:1").parse().unwrap(),
            children: after.to_vec(),
            allow_partial: words.contains(&"partial"),
        }),
        "cmd" => Action::Cmd(Cmd {
            image: "base".into(),
            detach: words.contains(&"detach"),
            privileged: words.contains(&"privileged"),
            engine_socket: words.contains(&"socket"),
            nano_cpus: option("cpus").map(|cpus| cpus.parse::<i64>().unwrap() * 1_000_000_000),
            memory: option("memory").map(|gib| gib.parse::<u64>().unwrap() << 30),
            ..Cmd::default()
        }),
        other => panic!("unknown kind {other}"),
    }
}

impl Farm {
    /// Whether every group is where the state says that it is placed or not, and the index says the same as one that is
    /// made anew.
    pub(super) fn check(&self) {
        assert!(self.state.index.agrees(&self.state.indexed_anew(self.now()).index), "the index is behind");
        for run in self.state.runs.values() {
            for (index, unit) in run.plan.units.iter().enumerate() {
                let record = &run.record.units[index];
                if let UnitState::Active { agent, .. } = &record.state {
                    let group = &run.record.groups[unit.group.index()];
                    assert_eq!(group.state, GroupState::Placed { agent: agent.clone() }, "{}", unit.name);
                    assert!(run.fences.contains_key(&unit.id), "{} has no fence", unit.name);
                }
            }
        }
    }
}
