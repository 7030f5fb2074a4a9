//! Queries and their rows, as bytes.

use std::ops::ControlFlow;

use scylla::{
    client::session::Session, deserialize::row::ColumnIterator, response::PagingState, statement::Statement,
};

use super::NodeError;

/// Rows that are asked for at once.
const PAGE_ROWS: i32 = 1000;

/// Columns by name, with their bytes.
pub(super) type FetchedRow<'r> = Vec<(&'r str, Option<&'r [u8]>)>;

/// Asks a query and hands over each row. An error of `tell` is a value that has an unknown form.
pub(super) async fn fetch(
    session: &Session,
    endpoint: &str,
    query: &str,
    mut tell: impl FnMut(FetchedRow<'_>) -> Result<(), String>,
) -> Result<(), NodeError> {
    let unknown =
        |reason: String| NodeError::UnknownAnswer { endpoint: endpoint.into(), query: query.into(), reason };
    let statement = Statement::new(query).with_page_size(PAGE_ROWS);
    let mut paging = PagingState::start();
    loop {
        let (result, next) = session
            .query_single_page(statement.clone(), (), paging)
            .await
            .map_err(|error| NodeError::from_query(endpoint, query, error))?;
        let result = result.into_rows_result().map_err(|error| unknown(error.to_string()))?;
        for row in result.rows::<ColumnIterator<'_, '_>>().map_err(|error| unknown(error.to_string()))? {
            let mut columns = FetchedRow::new();
            for column in row.map_err(|error| unknown(error.to_string()))? {
                let column = column.map_err(|error| unknown(error.to_string()))?;
                columns.push((column.spec.name(), column.slice.map(|slice| slice.as_slice())));
            }
            tell(columns).map_err(unknown)?;
        }
        match next.into_paging_control_flow() {
            ControlFlow::Break(()) => return Ok(()),
            ControlFlow::Continue(state) => paging = state,
        }
    }
}
