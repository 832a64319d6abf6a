//! A transport that counts and times the requests to Persona.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use relaypass::transport::{BoxFuture, Connection, Request, Response, SendFailure, Transport};

use crate::metrics::{Metrics, Step};

tokio::task_local! {
    /// How often each step was asked in the call that is worked on.
    static ASKED: RefCell<HashMap<Step, u32>>;
}

/// Works on one call; what it asks twice counts as a retry.
pub(crate) async fn one_call<T>(work: impl std::future::Future<Output = T>) -> T {
    ASKED.scope(RefCell::default(), work).await
}

pub(crate) struct Watched {
    transport: Arc<dyn Transport>,
    metrics: Arc<Metrics>,
}

impl Watched {
    pub(crate) fn new(transport: Arc<dyn Transport>, metrics: Arc<Metrics>) -> Self {
        Self { transport, metrics }
    }
}

impl Transport for Watched {
    fn send<'a>(
        &'a self,
        url: &'a str,
        request: &'a Request,
        connection: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        Box::pin(async move {
            let step = Step::of_path(request.path());
            let before = ASKED.try_with(|asked| {
                let mut asked = asked.borrow_mut();
                let times = asked.entry(step).or_default();
                *times += 1;
                *times - 1
            });
            if before.is_ok_and(|before| before > 0) {
                self.metrics.count_retry(step);
            }
            let began = Instant::now();
            let answer = self.transport.send(url, request, connection, timeout).await;
            let status = answer.as_ref().ok().map(|answer| answer.head.status);
            self.metrics.count_request(step, status, began.elapsed());
            if let Ok(answer) = &answer {
                self.metrics.count_success(step, answer);
            }
            answer
        })
    }
}
