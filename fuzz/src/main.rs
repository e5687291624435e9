//! `agw-fuzz TARGET [--seconds N] [--seed N]`, `agw-fuzz TARGET FILE…`, `agw-fuzz list`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use agw_fuzz::session::{self, Outcome};
use agw_fuzz::{Guard, Target, target};

const USAGE: &str = "\
agw-fuzz TARGET [--seconds N] [--seed N]  look for inputs that fail, for 30 seconds unless told otherwise
agw-fuzz TARGET FILE...                   run these inputs again
agw-fuzz list                             name the targets
";

/// What to do with a target.
enum Task {
    Search { seconds: u64, seed: u64 },
    Replay(Vec<String>),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((name, [])) if name == "list" => list(),
        Some((name, rest)) => match (target::named(name), task(rest)) {
            (Some(target), Ok(task)) => perform(target, task),
            (None, _) => Err(io::Error::other(format!("no target `{name}`\n{USAGE}"))),
            (_, Err(message)) => Err(io::Error::other(format!("{message}\n{USAGE}"))),
        },
        None => Err(io::Error::other(USAGE)),
    };
    result.unwrap_or_else(|error| {
        // There is no other place to say it.
        let _ = writeln!(io::stderr(), "agw-fuzz: {error}");
        ExitCode::from(2)
    })
}

fn list() -> io::Result<ExitCode> {
    for target in target::ALL {
        writeln!(io::stdout(), "{}", target.name)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn task(arguments: &[String]) -> Result<Task, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let (mut seconds, mut seed) = (30, now.map_or(0, |now| now.as_secs()));
    let mut files = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = |name: &str| {
            let text = rest.next().map_or("", String::as_str);
            text.parse().map_err(|_| format!("{name} wants a number"))
        };
        match argument.as_str() {
            "--seconds" => seconds = number("--seconds")?,
            "--seed" => seed = number("--seed")?,
            option if option.starts_with('-') => return Err(format!("no option `{option}`")),
            file => files.push(file.to_owned()),
        }
    }
    Ok(if files.is_empty() {
        Task::Search { seconds, seed }
    } else {
        Task::Replay(files)
    })
}

fn perform(target: &Target, task: Task) -> io::Result<ExitCode> {
    let guard = Guard::install();
    match task {
        Task::Search { seconds, seed } => {
            let outcome = session::run(target, &guard, Duration::from_secs(seconds), seed)?;
            tell(target, seed, &outcome)
        }
        Task::Replay(files) => {
            let mut code = ExitCode::SUCCESS;
            for file in files {
                match guard.run(target, &std::fs::read(&file)?) {
                    Ok(_) => writeln!(io::stdout(), "{file}: good")?,
                    Err(message) => {
                        writeln!(io::stdout(), "{file}: {message}")?;
                        code = ExitCode::FAILURE;
                    }
                }
            }
            Ok(code)
        }
    }
}

fn tell(target: &Target, seed: u64, outcome: &Outcome) -> io::Result<ExitCode> {
    let (name, inputs, kinds) = (target.name, outcome.inputs, outcome.behaviours);
    let mut out = io::stdout().lock();
    match &outcome.failure {
        None => {
            writeln!(
                out,
                "{name}: {inputs} inputs, {kinds} kinds of behaviour, none failed (seed {seed})"
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Some(failure) => {
            let path = failure.path.display();
            writeln!(
                out,
                "{name}: FAILED after {inputs} inputs (seed {seed}): {}\n{path}",
                failure.message
            )?;
            Ok(ExitCode::FAILURE)
        }
    }
}
