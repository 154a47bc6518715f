use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::physical_plan::{collect, displayable};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use lakegate_common::ByteSize;
use prost::Message;
use tempfile::TempDir;

use super::*;
use crate::codec::PlanNodes;
use crate::session::local_state;

/// Views behind barriers, over a table with a row that they leave out and that fails to be cast.
async fn session() -> (TempDir, SessionContext) {
    let folder = tempfile::tempdir().unwrap();
    let config = SessionConfig::new().with_target_partitions(2);
    let runtime = SessionContext::new().runtime_env();
    let state = local_state(config, runtime, ByteSize::mib(1));
    let session = SessionContext::new_with_state(state);
    let path = format!("{}/t.parquet", folder.path().display());
    let rows = "SELECT column1 AS owner, column2 AS name, column3 AS n \
                FROM (VALUES ('me', '10', 1), ('other', 'hidden', 0))";
    session.sql(&format!("COPY ({rows}) TO '{path}'")).await.unwrap().collect().await.unwrap();
    session.register_parquet("t", &path, ParquetReadOptions::default()).await.unwrap();
    for (view, query) in [
        ("v", "SELECT name, n FROM t WHERE owner = 'me'"),
        ("computed", "SELECT name, 1 / n AS inverse FROM t WHERE owner = 'me'"),
        ("joined", "SELECT a.name, a.n FROM t a JOIN t b ON a.owner = b.name OR a.owner = 'me'"),
        ("ordered", "SELECT name, n FROM t WHERE owner = 'me' ORDER BY n"),
        ("scalar", "SELECT name, n FROM t WHERE n = (SELECT max(n) FROM t)"),
    ] {
        let plan = session.state().create_logical_plan(query).await.unwrap();
        let plan = guarded(plan, format!("the.view.{view}")).unwrap();
        session.register_table(view, Arc::new(ViewTable::new(plan, None))).unwrap();
    }
    (folder, session)
}

async fn logical(session: &SessionContext, sql: &str) -> String {
    let plan = session.sql(sql).await.unwrap().into_optimized_plan().unwrap();
    plan.display_indent().to_string()
}

async fn physical(session: &SessionContext, sql: &str) -> String {
    let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    displayable(plan.as_ref()).indent(false).to_string()
}

/// What stands above and below the first barrier of a plan.
fn parted(plan: &str) -> (&str, &str) {
    plan.split_once("SecurityBarrier").expect(plan)
}

#[tokio::test]
async fn only_what_fails_for_no_row_passes() {
    let (_folder, session) = session().await;
    for passes in ["n = 5", "n > 3 AND name IN ('a', 'b')", "NOT n <= 4", "n IS NULL OR name = 'a'"]
    {
        let plan = logical(&session, &format!("SELECT name FROM v WHERE {passes}")).await;
        assert!(!parted(&plan).0.contains("Filter"), "{plan}");
    }
    for stays in
        ["1 / n = 1", "CAST(name AS INT) = 10", "name LIKE 'h%'", "n + 1 = 2", "n = length(name)"]
    {
        let plan = logical(&session, &format!("SELECT name FROM v WHERE {stays} AND n = 7")).await;
        let (above, below) = parted(&plan);
        assert!(above.contains("Filter") && !above.contains("Int64(7)"), "{plan}");
        assert!(below.contains("Int64(7)"), "{plan}");
        let plan = physical(&session, &format!("SELECT name FROM v WHERE {stays}")).await;
        assert!(parted(&plan).0.contains("FilterExec"), "{plan}");
    }
    // What the view computes may fail on rows that it leaves out.
    let plan = logical(&session, "SELECT name FROM computed WHERE inverse = 1").await;
    assert!(parted(&plan).0.contains("Filter"), "{plan}");
}

#[tokio::test]
async fn columns_and_limits_pass() {
    let (_folder, session) = session().await;
    let plan = logical(&session, "SELECT n FROM v LIMIT 3").await;
    let below = parted(&plan).1;
    assert!(below.contains("fetch=3") && !below.contains("name"), "{plan}");
}

#[tokio::test]
async fn a_sort_by_an_expression_stays_above() {
    let (_folder, session) = session().await;
    for (view, order) in [
        ("joined", "1 / n"),
        ("v", "CAST(name AS INT)"),
        ("ordered", "1 / n"),
        ("ordered", "n, 1 / n"),
    ] {
        let plan = physical(&session, &format!("SELECT n FROM {view} ORDER BY {order}")).await;
        let (above, below) = parted(&plan);
        assert!(above.contains("SortExec"), "{plan}");
        assert!(!below.contains("1 / n") && !below.contains("CAST(name"), "{plan}");
    }
}

#[tokio::test]
async fn rows_are_the_same_after_a_plan_has_travelled() {
    let (_folder, session) = session().await;
    for sql in ["SELECT 1 / n FROM v", "SELECT n FROM ordered WHERE 1 / n = 1"] {
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let codec = PlanNodes::default();
        let node = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&plan), &codec).unwrap();
        let node = PhysicalPlanNode::decode(node.encode_to_vec().as_slice()).unwrap();
        let decoded = node.try_into_physical_plan(&session.task_ctx(), &codec).unwrap();
        let shown = |plan: &dyn datafusion::physical_plan::ExecutionPlan| {
            displayable(plan).indent(false).to_string()
        };
        assert_eq!(shown(decoded.as_ref()), shown(plan.as_ref()));
        let rows = collect(decoded, session.task_ctx()).await.unwrap();
        assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1, "{sql}");
    }
}

#[tokio::test]
async fn covered_plans_end_at_the_view() {
    let (_folder, session) = session().await;
    for view in ["v", "joined", "scalar"] {
        let sql = format!("SELECT n FROM {view} WHERE 1 / n = 1");
        let state = session.state();
        let plan = session.sql(&sql).await.unwrap().into_optimized_plan().unwrap();
        let physical = state.create_physical_plan(&plan).await.unwrap();
        let physical = covered_physical(&physical);
        let shown = displayable(physical.as_ref()).indent(true).to_string();
        let plan = covered_logical(plan).unwrap().display_indent().to_string();
        for text in [plan, shown] {
            assert!(text.contains(&format!("view=the.view.{view}")), "{text}");
            assert!(!text.contains("owner") && !text.contains("parquet"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_failure_inside_names_the_view_alone() {
    let (_folder, session) = session().await;
    let plan = session.state().create_logical_plan("SELECT CAST(name AS INT) AS k FROM t").await;
    let plan = guarded(plan.unwrap(), "the.view.cast").unwrap();
    session.register_table("cast_up", Arc::new(ViewTable::new(plan, None))).unwrap();
    let error = session.sql("SELECT k FROM cast_up").await.unwrap().collect().await.unwrap_err();
    assert_eq!(crate::failure::code_of(&error), lakegate_common::ErrorCode::DataError);
    let told = error.to_string();
    assert!(told.contains("view the.view.cast cannot be read"), "{told}");
    assert!(!told.contains("hidden"), "{told}");
}
