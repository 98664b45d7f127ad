//! A tree of HTML becomes Markdown of bounded size.
//!
//! Markdown may be far larger than its page: lines are indented at each level of lists and quotations, and cells of tables
//! are filled up to the width of their column. What goes too far in that is written without it.

use std::{
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use htmd::{
    Element, HtmlToMarkdown, Node,
    element_handler::{HandlerResult, Handlers},
};
use markup5ever_rcdom::NodeData;

/// What of a page is not for reading.
const SKIPPED: &[&str] =
    &["script", "style", "noscript", "template", "svg", "iframe", "canvas", "object", "nav", "head"];

/// Elements whose lines are indented.
pub(super) const INDENTING: &[&str] = &["ul", "ol", "li", "blockquote"];

/// Most of them in each other that are written as what they are.
pub(super) const MOST_INDENTS: usize = 40;

/// By how much, in bytes: by four for two of a list.
pub(super) const INDENT: usize = 2;

/// Most that all tables of a page may take with their cells filled up, in bytes.
const TABLES: usize = 1 << 20;

/// The Markdown of `tree`.
pub(super) fn markdown(tree: &Rc<Node>) -> String {
    let (level, tables) = (AtomicUsize::new(0), AtomicUsize::new(TABLES));
    let indented = move |handlers: &dyn Handlers, element: Element| {
        if level.load(Relaxed) >= MOST_INDENTS {
            return plain(handlers, &element);
        }
        level.fetch_add(1, Relaxed);
        let written = handlers.fallback(element);
        level.fetch_sub(1, Relaxed);
        written
    };
    let table = move |handlers: &dyn Handlers, element: Element| {
        let size = table_size(element.node);
        if tables.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(size)).is_err() {
            return plain(handlers, &element);
        }
        handlers.fallback(element)
    };
    let converter = HtmlToMarkdown::builder()
        .skip_tags(SKIPPED.to_vec())
        .add_handler(INDENTING.to_vec(), indented)
        .add_handler(vec!["table"], table)
        .build();
    converter.tree_to_markdown(tree)
}

/// What is in an element, as a paragraph.
fn plain(handlers: &dyn Handlers, element: &Element) -> Option<HandlerResult> {
    let inner = handlers.walk_children(element.node).content;
    Some(format!("\n\n{}\n\n", inner.trim_matches('\n')).into())
}

/// About how many bytes a table takes if each cell is as wide as the widest of its column.
fn table_size(table: &Rc<Node>) -> usize {
    let (mut rows, mut widths) = (1_usize, Vec::new());
    let mut to_see = vec![Rc::clone(table)];
    while let Some(node) = to_see.pop() {
        let children = node.children.borrow();
        if !is_named(&node, &["tr", "thead"]) {
            to_see.extend(children.iter().filter(|child| is_named(child, &["tbody", "tfoot", "thead", "tr"])).cloned());
            continue;
        }
        rows += 1;
        // A head without a row is one itself.
        to_see.extend(children.iter().filter(|child| is_named(child, &["tr"])).cloned());
        for (at, cell) in children.iter().filter(|child| is_named(child, &["td", "th"])).enumerate() {
            let width = text_size(cell);
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    rows.saturating_mul(widths.iter().map(|width| width + 3).sum())
}

/// About how many bytes what is in `node` takes as text.
fn text_size(node: &Rc<Node>) -> usize {
    let (mut size, mut to_see) = (0, vec![Rc::clone(node)]);
    while let Some(node) = to_see.pop() {
        size += match &node.data {
            NodeData::Text { contents } => contents.borrow().len(),
            // Addresses, titles, and what stands for the element.
            NodeData::Element { attrs, .. } => {
                8 + attrs.borrow().iter().map(|attribute| attribute.value.len()).sum::<usize>()
            }
            _ => 0,
        };
        to_see.extend(node.children.borrow().iter().cloned());
    }
    size
}

fn is_named(node: &Node, names: &[&str]) -> bool {
    matches!(&node.data, NodeData::Element { name, .. } if names.contains(&&*name.local))
}
