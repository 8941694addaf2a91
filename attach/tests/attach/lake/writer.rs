//! The process that writes the table and maintains it, as `pageberg serve` does, to be killed at any instant.
//!
//! It is this test's own binary, told by the environment to be the writer. On its standard output it tells what it is
//! about to do, and what is done, a line each.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use warehouse::{Config, MaintenanceConfig, Table};

use crate::lake::rows;

const ROLE: &str = "PAGEBERG_TEST_LAKE_WRITER";

/// The pause of the upkeep between two rounds.
const PAUSE: Duration = Duration::from_millis(200);

/// What the writer is to do.
#[derive(Serialize, Deserialize)]
pub struct Role {
    pub data_folder: PathBuf,
    pub config: Config,
    pub maintenance: MaintenanceConfig,
    pub commits: i64,
    pub commits_a_day: i64,
    /// The pause between two commits.
    pub interval: Duration,
}

impl Role {
    /// The variable that makes a process the writer.
    pub fn variable(&self) -> (&'static str, String) {
        (ROLE, serde_json::to_string(self).unwrap())
    }

    /// What this process is told to be, if it is the writer.
    pub fn of_this_process() -> Option<Self> {
        std::env::var(ROLE).ok().map(|role| serde_json::from_str(&role).unwrap())
    }

    /// Commits until all is written, and maintains until it is killed.
    pub fn play(&self) {
        tracing_subscriber::fmt()
            .with_env_filter("warehouse=debug")
            .with_ansi(false)
            .without_time()
            .with_writer(std::io::stdout)
            .init();
        Runtime::new().unwrap().block_on(async {
            tokio::join!(self.write(), self.maintain());
        });
    }

    pub async fn open(&self) -> Table {
        Table::open(&self.data_folder, &self.config).await.unwrap()
    }

    async fn write(&self) {
        let mut table = self.open().await;
        println!("resumed at {}", next_commit(&table));
        while next_commit(&table) < self.commits {
            if let Err(error) = self.commit(&mut table, |moment| println!("{moment}")).await {
                println!("refused: {error:?}");
                table = self.open().await;
            }
            tokio::time::sleep(self.interval).await;
        }
        println!("written");
    }

    /// Writes the next commit's rows and commits them, which takes so long.
    pub async fn commit(&self, table: &mut Table, tell: impl Fn(String)) -> Result<Duration, warehouse::Error> {
        let commit = next_commit(table);
        tell(format!("writing {commit}"));
        let mut writer = table.writer()?;
        writer.write(vec![rows::of_commit(commit, self.commits_a_day)]).await?;
        let files = writer.close().await?;
        let advance = rows::advance(&table.positions(rows::TOPIC)?, commit);
        tell(format!("committing {commit}"));
        let began = Instant::now();
        table.append(files, &advance).await?;
        let took = began.elapsed();
        tell(format!("committed {commit}"));
        Ok(took)
    }

    async fn maintain(&self) {
        let mut table = self.open().await;
        loop {
            match table.maintain(&self.maintenance, false).await {
                Ok(done) => println!("maintained {}", serde_json::to_string(&done).unwrap()),
                Err(error) => println!("not maintained: {error:?}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Every commit moves the position by as many rows.
fn next_commit(table: &Table) -> i64 {
    table.positions(rows::TOPIC).unwrap().get(0).unwrap_or_default() / rows::ROWS
}
