//! Answers that are lost: it is found out what has happened before anything is written again.

use sqlx::{Connection, Executor, PgConnection};
use warehouse::{DataFiles, Error, Table};

use crate::catalogs::promises::{staged, step};
use crate::catalogs::proxy::{Loss, Proxy};
use lakekit::catalogs::{Lake, postgres, rest};
use lakekit::table::{TOPIC, advance, bare, deliver};

/// A table in a REST catalog that is there before anything is lost, and the way to it over a proxy.
async fn behind_proxy(loss: Loss) -> (Lake, Lake, Proxy) {
    let lake = rest().await;
    lake.open().await;
    let proxy = Proxy::start(&lake.config.catalog.rest.uri, loss).await;
    let mut config = lake.config.clone();
    config.catalog.rest.uri = proxy.url.clone();
    let through = lake.elsewhere(config);
    (lake, through, proxy)
}

async fn position(lake: &Lake) -> Option<i64> {
    lake.open().await.positions(TOPIC).unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_answer_is_lost_is_found_to_have_happened() {
    for loss in [Loss::Answer(504), Loss::Answer(503), Loss::Answer(409), Loss::Body] {
        let (lake, through, _proxy) = behind_proxy(loss).await;
        let mut table = through.open().await;
        deliver(&mut table, &[bare(0)]).await;
        deliver(&mut table, &[bare(1)]).await;
        assert_eq!((position(&lake).await, lake.rows()), (Some(2), "2".to_owned()), "{loss:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_may_yet_happen_is_unknown_and_keeps_its_files() {
    let (lake, through, _proxy) = behind_proxy(Loss::Request(500)).await;
    let mut table = through.open().await;
    let files = staged(&table, 0).await;
    let unknown = table.append(files, &advance(None, 1)).await;
    assert!(matches!(&unknown, Err(Error::Uncertain { .. })), "{unknown:?}");
    assert_eq!(position(&lake).await, None);
    deliver(&mut through.open().await, &[bare(0)]).await;
    assert_eq!((position(&lake).await, lake.rows()), (Some(1), "1".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_others_made_impossible_is_made_anew() {
    let (lake, through, proxy) = behind_proxy(Loss::Request(502)).await;
    let (mut table, mut other) = (through.open().await, lake.open().await);
    let files = staged(&table, 0).await;
    let overtake = async {
        proxy.has_lost().await;
        other.append(DataFiles::default(), &step(1, None, 3)).await
    };
    let expected = advance(None, 1);
    let (appended, overtaken) = tokio::join!(table.append(files, &expected), overtake);
    appended.unwrap();
    overtaken.unwrap();
    let positions = lake.open().await.positions(TOPIC).unwrap();
    assert_eq!((positions, lake.rows()), ([(0, 1), (1, 3)].into_iter().collect(), "1".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_connection_that_breaks_in_the_midst_of_a_change_is_made_anew() {
    let lake = postgres().await;
    let mut table: Table = lake.open().await;
    let url = lake.config.catalog.postgres.url.as_ref().unwrap().expose().to_owned();
    let mut database = PgConnection::connect(&url).await.unwrap();
    let break_once = "CREATE SEQUENCE times; CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF nextval('times') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$; \
        CREATE TRIGGER break AFTER UPDATE ON iceberg_tables FOR EACH ROW EXECUTE FUNCTION break()";
    database.execute(break_once).await.unwrap();
    deliver(&mut table, &[bare(0)]).await;
    let times: i64 = sqlx::query_scalar("SELECT last_value FROM times").fetch_one(&mut database).await.unwrap();
    assert_eq!((position(&lake).await, lake.rows(), times), (Some(1), "1".to_owned(), 2));
}
