//! HTML becomes a tree of bounded size: a page may be built so that its tree is very deep or very large, or takes very
//! long to make.
//!
//! What is beyond the bounds is left out, with all that follows it.

use std::{
    borrow::Cow,
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use htmd::Node;
use html5ever::{
    Attribute, ExpandedName, ParseOpts, QualName, parse_document,
    tendril::{StrTendril, TendrilSink},
    tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink},
};
use markup5ever_rcdom::{NodeData, RcDom};

use super::markdown::{INDENT, INDENTING, MOST_INDENTS};

/// Most elements that lie in each other.
const DEEPEST: usize = 512;

/// Most elements.
const MOST: usize = 300_000;

/// Most that reading it may have to copy, in bytes: the text of an element becomes a part of that of each one around it.
const MOST_WORK: usize = 512 << 20;

/// Bytes that an element takes as text: what it stands for, and the end of its line.
const ELEMENT: usize = 8;

/// How long it may take.
const LONGEST: Duration = Duration::from_secs(5);

/// Bytes that are read between two looks at the bounds.
const PIECE: usize = 512;

/// The tree of `html`, and whether that is all of it. Elements lie in each other at most [`DEEPEST`] deep, and a piece.
pub(super) fn tree(html: &str) -> (Rc<Node>, bool) {
    let mut parser = parse_document(Bounded::default(), ParseOpts::default());
    let (begun, mut from) = (Instant::now(), 0);
    while from < html.len() {
        let bounded = &parser.tokenizer.sink.sink;
        if bounded.is_full.get() || begun.elapsed() > LONGEST {
            break;
        }
        let to = html.ceil_char_boundary(from + PIECE);
        parser.process(html[from..to].into());
        from = to;
    }
    (parser.finish().document, from == html.len())
}

/// A tree that says when it is large enough.
#[derive(Default)]
struct Bounded {
    tree: RcDom,
    elements: Cell<usize>,
    /// What reading it copies, in bytes.
    work: Cell<usize>,
    is_full: Cell<bool>,
}

impl Bounded {
    /// Looks at the bounds after something that takes `bytes` on so many `lines` was put into `parent`.
    fn look(&self, parent: &Rc<Node>, (bytes, lines): (usize, usize)) {
        let (mut depth, mut indents) = (0, 0);
        let mut at = Some(Rc::clone(parent));
        while let Some(node) = at.filter(|_| depth <= DEEPEST) {
            depth += 1;
            indents += usize::from(indents < MOST_INDENTS && is_indenting(&node));
            let above = node.parent.take();
            at = above.as_ref().and_then(std::rc::Weak::upgrade);
            node.parent.set(above);
        }
        self.work.set(self.work.get().saturating_add(depth * (bytes + lines * indents * INDENT)));
        if depth > DEEPEST || self.elements.get() > MOST || self.work.get() > MOST_WORK {
            self.is_full.set(true);
        }
    }
}

/// How many bytes, and lines, `child` takes as text.
fn size(child: &NodeOrText<Rc<Node>>) -> (usize, usize) {
    match child {
        NodeOrText::AppendText(text) => (text.len(), text.bytes().filter(|byte| *byte == b'\n').count()),
        NodeOrText::AppendNode(_) => (ELEMENT, 1),
    }
}

/// Whether each line in it is indented.
fn is_indenting(node: &Node) -> bool {
    matches!(&node.data, NodeData::Element { name, .. } if INDENTING.contains(&&*name.local))
}

impl TreeSink for Bounded {
    type Handle = Rc<Node>;
    type Output = RcDom;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> RcDom {
        self.tree
    }

    /// Nobody reads them, and there may be many.
    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Self::Handle {
        self.tree.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a Self::Handle) -> ExpandedName<'a> {
        self.tree.elem_name(target)
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Self::Handle {
        self.elements.set(self.elements.get() + 1);
        self.tree.create_element(name, attributes, flags)
    }

    fn create_comment(&self, _: StrTendril) -> Self::Handle {
        self.tree.create_comment(StrTendril::new())
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> Self::Handle {
        self.tree.create_pi(target, data)
    }

    fn append(&self, parent: &Self::Handle, child: NodeOrText<Self::Handle>) {
        let size = size(&child);
        self.tree.append(parent, child);
        self.look(parent, size);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Self::Handle,
        before: &Self::Handle,
        child: NodeOrText<Self::Handle>,
    ) {
        let size = size(&child);
        self.tree.append_based_on_parent_node(element, before, child);
        self.look(element, size);
        self.look(before, size);
    }

    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        self.tree.append_doctype_to_document(name, public, system);
    }

    fn get_template_contents(&self, target: &Self::Handle) -> Self::Handle {
        self.tree.get_template_contents(target)
    }

    fn same_node(&self, one: &Self::Handle, other: &Self::Handle) -> bool {
        self.tree.same_node(one, other)
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.tree.set_quirks_mode(mode);
    }

    fn append_before_sibling(&self, sibling: &Self::Handle, child: NodeOrText<Self::Handle>) {
        let size = size(&child);
        self.tree.append_before_sibling(sibling, child);
        self.look(sibling, size);
    }

    fn add_attrs_if_missing(&self, target: &Self::Handle, attributes: Vec<Attribute>) {
        self.tree.add_attrs_if_missing(target, attributes);
    }

    fn remove_from_parent(&self, target: &Self::Handle) {
        self.tree.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &Self::Handle, parent: &Self::Handle) {
        self.tree.reparent_children(node, parent);
        self.look(parent, (0, 0));
    }

    fn is_mathml_annotation_xml_integration_point(&self, target: &Self::Handle) -> bool {
        self.tree.is_mathml_annotation_xml_integration_point(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_deep_and_is_long_is_read_in_part() {
        let paragraphs = ("<p>".to_owned() + &"x".repeat(1_000)).repeat(2_000);
        assert!(tree(&paragraphs).1);
        assert!(!tree(&("<div>".repeat(400) + &paragraphs)).1);
    }
}
