//! Thousands of commits in compressed time, with everything at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use warehouse::rest::{RestConfig, router};
use warehouse::{Maintained, Table};

use crate::answers;
use crate::plan::{Plan, small_files};
use crate::process::{Process, Told};
use crate::readers::Session;
use crate::support::other_table;
use crate::verdict::Verdict;
use crate::watch::{self, Progress, Report};
use crate::writer::Role;

/// What the writer tells when it is about to do what it is then killed at.
const MOMENTS: [&str; 6] = [
    "merging data files",
    "replacing data files",
    "committing ",
    "merging manifests",
    "dropping snapshots",
    "deleting files that nothing names",
];

#[test]
fn readers_never_fail_or_miscount_while_a_table_is_written_maintained_and_its_writer_killed() {
    if let Some(role) = Role::of_this_process() {
        return role.play();
    }
    let (plan, is_long) = Plan::asked();
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let role = Role {
        data_folder: folder.path().to_owned(),
        config: small_files(),
        maintenance: plan.maintenance(),
        commits: plan.commits,
        commits_a_day: plan.commits / plan.days,
        interval: plan.interval,
    };
    runtime.block_on(Table::open(folder.path(), &role.config)).unwrap();
    let url = runtime.block_on(serve(&role));

    let (progress, began) = (Arc::new(Progress::default()), Instant::now());
    let files = folder.path().display().to_string();
    let attached = plan.readers.iter().map(|reader| (*reader, url.as_str(), "catalog"));
    let readers: Vec<_> = attached
        .chain([("duckdb", files.as_str(), "files")])
        .map(|(reader, source, how)| {
            let session = Session::attach(reader, source, "");
            watch::readers(session, format!("{reader} ({how})"), progress.clone(), plan.pause)
        })
        .collect();
    let foreign = Session::attach("pyiceberg", &files, "");
    let foreign = watch::appends(foreign, plan.foreign, plan.commits, progress.clone());

    let told = Arc::new(Mutex::new(Told::default()));
    let kills = write(&plan, &role, &told, &progress);
    foreign.join().unwrap().unwrap();
    println!("all is written after {:.0} s", began.elapsed().as_secs_f64());
    let wasted = runtime.block_on(settle(&plan, &role));
    progress.stop.store(true, Ordering::Release);
    let reports: Vec<Report> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();

    let mut verdict = Verdict::default();
    judge_readers(&mut verdict, reports, [plan.commits, plan.foreign]);
    let told = told.lock().unwrap();
    verdict.add("no append and no round of upkeep fails", told.failures.is_empty(), format!("{:?}", told.failures));
    runtime.block_on(judge_table(&mut verdict, folder.path(), &role, is_long && !cfg!(debug_assertions)));
    verdict.add_commits(&told.commits, is_long);
    println!("{verdict}killed at (writing, upkeep): {kills:#?}\nthe last rounds did {wasted:?}");
    println!("{} rounds of upkeep, {:.0} s", told.rounds.len(), began.elapsed().as_secs_f64());
    assert!(verdict.holds(), "\n{verdict}");
}

/// The catalog that readers attach to; it ends with the runtime.
async fn serve(role: &Role) -> String {
    let router = Router::new().nest("/iceberg", router(&role.data_folder, &role.config, &RestConfig::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/iceberg", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Lets the writer write everything, and kills it so many times on the way. What it was at each time, and how often.
fn write(plan: &Plan, role: &Role, told: &Arc<Mutex<Told>>, progress: &Arc<Progress>) -> BTreeMap<[String; 2], usize> {
    let test = std::thread::current().name().unwrap().to_owned();
    let mut random = seeded();
    let mut kills = BTreeMap::new();
    for kill in 0..plan.kills {
        let process = Process::start(role, &test, told, progress);
        let commits = (kill + 1) as i64 * plan.commits / (plan.kills + 1) as i64;
        while progress.committed.load(Ordering::Acquire) < commits {
            process.until("committed ");
        }
        process.until(MOMENTS[kill % MOMENTS.len()]);
        std::thread::sleep(Duration::from_micros(random.random_range(0..30_000)));
        *kills.entry(process.kill()).or_default() += 1;
    }
    let process = Process::start(role, &test, told, progress);
    while progress.committed.load(Ordering::Acquire) < plan.commits {
        process.until("committed ");
    }
    kills
}

/// Maintains until there is nothing left to be done.
async fn settle(plan: &Plan, role: &Role) -> Maintained {
    let mut table = Table::open(&role.data_folder, &role.config).await.unwrap();
    let mut maintenance = plan.maintenance();
    maintenance.settled_after_ms = 0;
    let first = table.maintain(&maintenance, false).await.unwrap();
    let deadline = Instant::now() + 5 * plan.grace;
    tokio::time::sleep(plan.grace).await;
    while table.maintain(&maintenance, false).await.unwrap().has_changed_something() {
        assert!(Instant::now() < deadline, "upkeep comes to no end");
    }
    first
}

fn judge_readers(verdict: &mut Verdict, reports: Vec<Report>, commits: [i64; 2]) {
    let mut sessions = Vec::new();
    for mut report in reports {
        let found =
            format!("{}: {} queries, the slowest {:.1} s", report.name, report.queries, report.slowest.as_secs_f64());
        match &report.failure {
            Some(failure) => verdict.add("no reader fails or counts wrongly", false, format!("{found}: {failure}")),
            None => {
                verdict.add("no reader fails or counts wrongly", true, found);
                let last = report.session.ask("topics").and_then(|answer| watch::counted(&answer, commits));
                verdict.add("every commit is found at the end, once", last == Ok(commits), format!("{last:?}"));
                sessions.push(report.session);
            }
        }
    }
    let [duckdb, spark] = ["duckdb", "spark"].map(|name| sessions.iter().position(|session| session.reader == name));
    if let (Some(duckdb), Some(spark)) = (duckdb, spark) {
        let [duckdb, spark] = sessions.get_disjoint_mut([duckdb, spark]).unwrap();
        let questions = answers::compare(duckdb, spark);
        verdict.add("Spark and DuckDB answer alike", true, format!("{questions} questions"));
    }
}

async fn judge_table(verdict: &mut Verdict, folder: &Path, role: &Role, is_timed: bool) {
    let table = other_table(folder).await;
    verdict.add_partitions(&table, role.config.files.target_file_bytes).await;
    let metadata = table.metadata_location().unwrap().trim_start_matches("file://");
    verdict.add_metadata(&table, std::fs::metadata(metadata).unwrap().len());
    verdict.add_disk(&table, &folder.join("warehouse/web/page_views")).await;
    verdict.add_planning(&table, is_timed).await;
}

fn seeded() -> StdRng {
    let set = std::env::var("PAGEBERG_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("PAGEBERG_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
