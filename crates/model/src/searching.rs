//! A model whose vendor searches nothing, in the place of one whose vendor does: it is offered another search, or none.

use std::sync::Arc;

use codex_history::{ToolInput, ToolSpec};

use crate::{EventStream, Model, Request};

/// A model that is never told to have its vendor search.
#[derive(Debug)]
pub struct SearchingOtherwise {
    model: Arc<dyn Model>,
    instead: Option<ToolSpec>,
}

impl SearchingOtherwise {
    /// `model`, which is offered `instead` of a search by its vendor.
    pub fn new(model: Arc<dyn Model>, instead: Option<ToolSpec>) -> Self {
        Self { model, instead }
    }
}

impl Model for SearchingOtherwise {
    fn stream(&self, request: Request) -> EventStream {
        let offered = |spec: &ToolSpec| match spec.input {
            ToolInput::WebSearch { .. } => self.instead.clone(),
            _ => Some(spec.clone()),
        };
        let tools = request.tools.iter().filter_map(offered).collect();
        self.model.stream(Request { tools, ..request })
    }

    fn takes_grammars(&self) -> bool {
        self.model.takes_grammars()
    }

    fn hurry(&self) {
        self.model.hurry();
    }
}
