//! `make run` on a folder of its own, and every example of the README against it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use testkit::ports::reserved_address;

use crate::process::DEADLINE;
use crate::server::fixture;

/// An example and the pieces of text that its output must hold.
struct Example {
    language: String,
    code: String,
    expected: Vec<String>,
}

/// The fenced blocks of the README; a `text` block tells what the one before it prints, each line up to its `…`.
fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for block in readme.split("```").skip(1).step_by(2) {
        let (language, code) = block.split_once('\n').unwrap();
        match (language, examples.last_mut()) {
            ("text", Some(example)) => {
                example.expected = code.lines().map(|line| line.split('…').next().unwrap().to_owned()).collect();
            }
            _ => examples.push(Example { language: language.to_owned(), code: code.to_owned(), expected: vec![] }),
        }
    }
    examples
}

/// `make run` with this binary, stopped like a person would stop it.
struct Run {
    folder: TempDir,
    child: Option<Child>,
    listen: String,
    status: String,
    postgres: String,
}

impl Run {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (listen, status) = (reserved_address(), reserved_address());
        std::fs::copy(fixture("weblogs/access.log"), folder.path().join("access.log")).unwrap();
        // Who starts the tests may ignore SIGINT, as a shell does for what runs in the background, and scripts inherit that.
        let mut child = Command::new("perl")
            .args(["-e", "$SIG{INT} = 'DEFAULT'; exec @ARGV", "dev/run.sh"])
            .current_dir(project())
            .env("BINARY", env!("CARGO_BIN_EXE_pageberg"))
            .env("DATA", folder.path().join("data"))
            .env("LISTEN", &listen)
            .env("STATUS", &status)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let postgres = postgres_url(&mut child);
        Self { folder, child: Some(child), listen, status, postgres }
    }

    /// Runs an example until it prints what it should: rows take their time to arrive.
    fn expect(&self, example: &Example) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let (worked, output) = self.run(example);
            let missing = example.expected.iter().find(|piece| !output.contains(piece.as_str()));
            if worked && missing.is_none() {
                return;
            }
            assert!(Instant::now() < deadline, "{}\nlacks {missing:?}:\n{output}", example.code);
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn run(&self, example: &Example) -> (bool, String) {
        let folder = self.folder.path().display().to_string();
        let code = example
            .code
            .replace("127.0.0.1:8080", &self.listen)
            .replace("127.0.0.1:8081", &self.status)
            .replace("postgres://pageberg@127.0.0.1:5433/pageberg", &self.postgres)
            .replace("pageberg import", &format!("pageberg import --to http://{}", self.listen))
            .replace("pageberg deadletters replay", &format!("pageberg deadletters replay --status {}", self.status))
            .replace("target/release/pageberg", env!("CARGO_BIN_EXE_pageberg"))
            .replace("access.log", &format!("{folder}/access.log"))
            .replace("sqlite:///data", &format!("sqlite:///{folder}/data"))
            .replace(" data/geo", &format!(" {folder}/data/geo"));
        let mut command = self.command(&example.language, &code);
        let command = command.current_dir(project()).env("DATA", format!("{folder}/data"));
        let output = command.env("PAGEBERG_DATA", format!("{folder}/data")).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// What shows that an example works: settings are read, what a page embeds is there, all else runs.
    fn command(&self, language: &str, code: &str) -> Command {
        let with = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        };
        match language {
            "sh" => with("bash", &["-euc", code]),
            "python" => with(&testkit::project::python().display().to_string(), &["-c", code]),
            "toml" => {
                let file = self.folder.path().join("example.toml");
                std::fs::write(&file, code).unwrap();
                with(env!("CARGO_BIN_EXE_pageberg"), &["config", "--config", &file.display().to_string()])
            }
            "html" => with("curl", &["-fsS", code.split('"').find(|part| part.starts_with("http")).unwrap()]),
            other => panic!("no way to run {other}"),
        }
    }

    /// Ctrl-C: everything that was started must end, and well.
    fn stop(mut self) {
        let child = self.child.as_mut().expect("running");
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let deadline = Instant::now() + DEADLINE;
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            assert!(Instant::now() < deadline, "make run does not end");
            std::thread::sleep(Duration::from_millis(100));
        };
        self.child = None;
        assert!(ended.success(), "make run ended with {ended}");
        let postgres = Command::new("dev/postgres.sh")
            .args(["url", &self.folder.path().join("data/postgres").display().to_string()])
            .current_dir(project())
            .output()
            .unwrap();
        assert!(!postgres.status.success(), "Postgres still runs");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            let _ = child.wait();
        }
        let postgres = self.folder.path().join("data/postgres");
        let _ = Command::new("dev/postgres.sh").arg("remove").arg(postgres).current_dir(project()).status();
    }
}

/// The Postgres that the welcome names.
fn postgres_url(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("postgres://")).expect("make run prints how to reach Postgres");
    // Whatever else it prints must find a reader.
    std::thread::spawn(move || lines.for_each(drop));
    line.split('"').find(|part| part.starts_with("postgres://")).unwrap().to_owned()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn make_run_and_every_example_of_the_readme_work() {
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap();
    let examples = examples(&readme);
    assert!(examples.len() >= 8, "{} examples", examples.len());
    let run = Run::start();
    for example in &examples {
        run.expect(example);
    }
    run.stop();
}
