//! Thousands of commits in compressed time, with everything at once, on each kind of catalog and storage.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use attach::{RestConfig, router};
use axum::Router;
use iceberg::{Catalog, CatalogBuilder, TableIdent};
use iceberg_catalog_rest::RestCatalogBuilder;
use rand::Rng;
use storage::factory;
use testkit::seed::seeded;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use warehouse::{Config, Maintained};

use crate::lake::answers;
use crate::lake::plan::{Plan, with_small_files};
use crate::lake::process::{Process, Told};
use crate::lake::verdict::{SAMPLES, Verdict};
use crate::lake::watch::{self, Progress, Report};
use crate::lake::writer::Role;
use lakekit::catalogs::{self, Lake};
use testkit::readers::Session;

/// How long readers may take to answer for the first time.
const STARTED_WITHIN: Duration = Duration::from_secs(600);

/// What the writer tells when it is about to do what it is then killed at.
const MOMENTS: [&str; 6] = [
    "committing ",
    "replacing data files",
    "merging manifests",
    "dropping snapshots",
    "deleting files that nothing names",
    "merging data files",
];

#[test]
fn readers_never_fail_or_miscount_while_a_table_is_written_maintained_and_its_writer_killed() {
    campaign(async || catalogs::sqlite().await, Plan::of_main_lake(), true);
}

#[test]
fn nor_do_they_with_the_catalog_in_postgres() {
    campaign(async || catalogs::postgres().await, Plan::of_other_lake(&["duckdb", "pyiceberg", "spark"]), false);
}

#[test]
fn nor_do_they_with_the_catalog_in_nessie_and_the_files_in_s3() {
    campaign(async || catalogs::rest().await, Plan::of_other_lake(&["duckdb", "pyiceberg"]), false);
}

/// The whole of it, or the part of the writer's process. One at a time: each must have its readers answer in time.
fn campaign(new_lake: impl AsyncFn() -> Lake, plan: Plan, has_files: bool) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if let Some(role) = Role::of_this_process() {
        return role.play();
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let runtime = Runtime::new().unwrap();
    let lake = Arc::new(runtime.block_on(opened(&new_lake)));
    let url = runtime.block_on(serve(&lake));

    let progress = Arc::new(Progress::default());
    runtime.block_on(first_commit(&role(&plan, &lake)));
    progress.committed.store(1, Ordering::Release);
    let mut readers = attach(&url, &lake, &plan, &progress);
    if has_files {
        let folder = lake.folder.path().display().to_string();
        readers.push(reader("duckdb", &folder, "files", &plan, &progress));
    }
    until_all_have_answered(&readers, &progress);
    let foreign = watch::appends(lake.clone(), plan.foreign, plan.commits, progress.clone());
    let told = Arc::new(Mutex::new(Told::default()));
    let kills = write(&plan, &role(&plan, &lake), &told, &progress);
    foreign.join().unwrap();
    println!("all is written after {:.0} s", began.elapsed().as_secs_f64());
    let settled = runtime.block_on(settle(&plan, &lake));
    progress.stop.store(true, Ordering::Release);
    let reports: Vec<Report> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();

    let mut verdict = Verdict::default();
    judge_readers(&mut verdict, reports, [plan.commits, plan.foreign]);
    let told = told.lock().unwrap();
    verdict.add("no append and no round of upkeep fails", told.failures.is_empty(), format!("{:?}", told.failures));
    runtime.block_on(judge_table(&mut verdict, &url, &lake.config, plan.is_timed));
    let young = runtime.block_on(opened(&new_lake));
    let times = runtime.block_on(commits_in_turns([role(&plan, &lake), role(&plan, &young)]));
    verdict.add_commits(times, plan.is_timed);
    println!("{verdict}killed at (writing, upkeep): {kills:#?}\nthe first round after all was written: {settled:?}");
    println!("{} rounds of upkeep before, {:.0} s altogether", told.rounds.len(), began.elapsed().as_secs_f64());
    assert!(verdict.holds(), "\n{verdict}");
}

async fn opened(new_lake: impl AsyncFn() -> Lake) -> Lake {
    let mut lake = new_lake().await;
    lake.config = with_small_files(lake.config);
    lake.open().await;
    lake
}

fn role(plan: &Plan, lake: &Lake) -> Role {
    Role {
        data_folder: lake.folder.path().to_owned(),
        config: lake.config.clone(),
        maintenance: plan.maintenance(),
        commits: plan.commits,
        commits_a_day: plan.commits / plan.days,
        interval: plan.interval,
    }
}

/// The catalog that readers attach to; it ends with the runtime.
async fn serve(lake: &Lake) -> String {
    let endpoint = lake.config.storage.s3.endpoint.as_deref().unwrap_or_default();
    let table_config = [
        ("s3.endpoint", endpoint),
        ("s3.region", "us-east-1"),
        ("s3.access-key-id", "key"),
        ("s3.secret-access-key", "secret"),
        ("s3.path-style-access", "true"),
    ];
    let table_config = table_config.map(|(key, value)| (key.to_owned(), value.into())).into();
    let config = RestConfig { table_config, ..RestConfig::default() };
    let router = Router::new().nest("/iceberg", router(lake.folder.path(), &lake.config, &config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/iceberg", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn attach(url: &str, lake: &Lake, plan: &Plan, progress: &Arc<Progress>) -> Vec<JoinHandle<Report>> {
    let source = format!("{url}#{}", lake.config.table.namespace);
    plan.readers.iter().map(|name| reader(name, &source, "catalog", plan, progress)).collect()
}

fn reader(name: &'static str, source: &str, how: &str, plan: &Plan, progress: &Arc<Progress>) -> JoinHandle<Report> {
    let session = Session::attach(name, source, "");
    watch::readers(session, format!("{name} ({how})"), progress.clone(), plan.pause)
}

async fn first_commit(role: &Role) {
    role.commit(&mut role.open().await, drop).await.unwrap();
}

/// Their first query loads programs for up to minutes on a busy machine, and no snapshot is kept for so long.
fn until_all_have_answered(readers: &[JoinHandle<Report>], progress: &Progress) {
    let deadline = Instant::now() + STARTED_WITHIN;
    while progress.answered.load(Ordering::Acquire) < readers.len() && !readers.iter().any(JoinHandle::is_finished) {
        assert!(Instant::now() < deadline, "the readers do not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Lets the writer write everything, and kills it so many times on the way. What it was at each time, and how often.
fn write(plan: &Plan, role: &Role, told: &Arc<Mutex<Told>>, progress: &Arc<Progress>) -> BTreeMap<[String; 2], usize> {
    let test = std::thread::current().name().unwrap().to_owned();
    let mut random = seeded();
    let mut kills = BTreeMap::new();
    for kill in 0..=plan.kills {
        let process = Process::start(role, &test, told, progress);
        let commits = (kill + 1) as i64 * plan.commits / (plan.kills + 1) as i64;
        while progress.committed.load(Ordering::Acquire) < commits {
            process.until("committed ");
        }
        if kill < plan.kills {
            process.until(MOMENTS[kill % MOMENTS.len()]);
            std::thread::sleep(Duration::from_micros(random.random_range(0..30_000)));
        }
        *kills.entry(process.kill()).or_default() += 1;
        if kill % 10 == 9 {
            println!("{} commits, {} kills", progress.committed.load(Ordering::Acquire), kill + 1);
        }
    }
    kills
}

/// Maintains until there is nothing left to be done. What a round's commits took the place of is due a grace later.
async fn settle(plan: &Plan, lake: &Lake) -> Maintained {
    let mut table = lake.open().await;
    let mut maintenance = plan.maintenance();
    maintenance.settled_after_ms = 0;
    let first = table.maintain(&maintenance, false).await.unwrap();
    let deadline = Instant::now() + 10 * plan.grace;
    loop {
        tokio::time::sleep(plan.grace).await;
        let done = table.maintain(&maintenance, false).await.unwrap();
        if done.files_compacted + done.delete_files_dropped + done.manifests_merged + done.snapshots_expired == 0 {
            return first;
        }
        assert!(Instant::now() < deadline, "upkeep comes to no end");
    }
}

/// How long commits to the first table take, and those to the second from the 50th on.
async fn commits_in_turns([old, young]: [Role; 2]) -> Vec<[Duration; 2]> {
    let (mut old_table, mut young_table) = (old.open().await, young.open().await);
    for _ in 0..50 {
        young.commit(&mut young_table, drop).await.unwrap();
    }
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        times.push([
            old.commit(&mut old_table, drop).await.unwrap(),
            young.commit(&mut young_table, drop).await.unwrap(),
        ]);
    }
    times
}

fn judge_readers(verdict: &mut Verdict, reports: Vec<Report>, commits: [i64; 2]) {
    let mut sessions = Vec::new();
    for mut report in reports {
        let slowest = report.slowest.as_secs_f64();
        let found = format!("{}: {} queries, the slowest {slowest:.1} s", report.name, report.queries);
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

async fn judge_table(verdict: &mut Verdict, url: &str, config: &Config, is_timed: bool) {
    let catalog = RestCatalogBuilder::default().with_storage_factory(factory(&config.storage));
    let catalog = catalog.load("judge", HashMap::from([("uri".to_owned(), url.to_owned())])).await.unwrap();
    let name = TableIdent::from_strs([&config.table.namespace, &config.table.name]).unwrap();
    let table = catalog.load_table(&name).await.unwrap();
    verdict.add_partitions(&table, config.files.target_file_bytes).await;
    verdict.add_metadata(&table);
    verdict.add_storage(&table, &config.storage).await;
    verdict.add_planning(&table, is_timed).await;
}
