//! Written statements lead from one definition to the next.
