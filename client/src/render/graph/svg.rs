//! The graph as a drawing that stands by itself: SVG 1.1 with a style for light and for dark, no script, no link.
//!
//! Tasks are boxes, images that no task of the project builds are rounded ones; the images that a task builds for others
//! stand below its name. An edge that passes layers bends around what stands there.

use super::layers::{Place, layers, places};
use crate::farm::{Graph, GraphEdge};
use acre_model::text::clip;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// Most tasks and images that are drawn.
const MOST: usize = 1000;
/// Most images that are written below a task.
const IMAGES: usize = 4;
/// Most characters of a line.
const CHARACTERS: usize = 48;
/// Measures in pixels: of a character, a line, the space around a text, between layers, between rows, and of the border.
const CHARACTER: usize = 8;
const LINE: usize = 18;
const PADDING: usize = 10;
const BETWEEN_LAYERS: usize = 90;
const BETWEEN_ROWS: usize = 18;
const BORDER: usize = 24;

const STYLE: &str = "<style>
  svg { background: #ffffff; font: 13px ui-monospace, Menlo, Consolas, monospace; }
  text { fill: #1c2128; } .image, .legend { fill: #59636e; }
  rect { fill: #f6f8fa; stroke: #59636e; stroke-width: 1; } .outside { fill: none; }
  path { fill: none; stroke: #8c959f; stroke-width: 1.3; } marker path { fill: #8c959f; stroke: none; }
  .stale { stroke: #bc4c00; stroke-dasharray: 6 3; stroke-width: 2; } .starts { stroke-width: 3; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; } text { fill: #e6edf3; } .image, .legend { fill: #9198a1; }
    rect { fill: #161b22; stroke: #9198a1; } .outside { fill: none; }
    path { stroke: #6e7681; } marker path { fill: #6e7681; } .stale { stroke: #f0883e; }
  }
</style>";

/// A task, an image, or a bend of an edge.
#[derive(Debug, Default)]
struct Node<'a> {
    lines: Vec<String>,
    /// Everything, for whoever points at it.
    title: String,
    kind: Kind<'a>,
}

#[derive(Debug, Default)]
enum Kind<'a> {
    Task(&'a str),
    Image,
    #[default]
    Bend,
}

/// The drawing; what is wrong, if there is too much to draw.
pub fn svg(graph: &Graph) -> Result<String, String> {
    let (mut nodes, edges) = nodes(graph);
    if nodes.len() > MOST {
        return Err(format!("the graph has {} tasks and images, of which {MOST} can be drawn; use --dot", nodes.len()));
    }
    let chains = chains(&mut nodes, &edges);
    let joined: Vec<(usize, usize)> =
        chains.iter().flat_map(|chain| chain.windows(2).map(|two| (two[0], two[1]))).collect();
    let boxes = boxes(&nodes, &places(nodes.len(), &joined));
    let width = boxes.iter().map(|place| place.x + place.width).max().unwrap_or(0).max(560) + BORDER;
    let height = boxes.iter().map(|place| place.y + place.height).max().unwrap_or(BORDER) + 2 * BORDER;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>What the tasks of the project build on</title>\n{STYLE}\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
    );
    chains.iter().for_each(|chain| out.push_str(&path(chain, &boxes)));
    nodes.iter().zip(&boxes).for_each(|(node, place)| out.push_str(&drawn(node, place, graph)));
    let legend = "box: a task · round: an image from elsewhere · dashed: stale · thick: would be built anew";
    let _ = writeln!(out, "<text class=\"legend\" x=\"{BORDER}\" y=\"{}\">{legend}</text>\n</svg>", height - 12);
    Ok(out)
}

fn nodes(graph: &Graph) -> (Vec<Node<'_>>, Vec<(usize, usize)>) {
    let mut built: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut outside: BTreeSet<&str> = BTreeSet::new();
    for GraphEdge { from, image, to } in &graph.edges {
        built.entry(to).or_default();
        match from {
            Some(from) => drop(built.entry(from).or_default().insert(image)),
            None => drop(outside.insert(image)),
        }
    }
    let mut nodes: Vec<Node<'_>> = built.iter().map(|(task, images)| task_node(task, images, graph)).collect();
    let (tasks, outside): (Vec<&str>, Vec<&str>) = (built.keys().copied().collect(), outside.into_iter().collect());
    let image = |image: &&str| Node { lines: vec![cut(image)], title: clip(image), kind: Kind::Image };
    nodes.extend(outside.iter().map(image));
    // Both are in order, and hold all that edges name.
    let place = |all: &[&str], name: &str| all.binary_search(&name).unwrap_or(0);
    let edge = |GraphEdge { from, image, to }: &GraphEdge| {
        let from = match from {
            Some(from) => place(&tasks, from),
            None => tasks.len() + place(&outside, image),
        };
        (from, place(&tasks, to))
    };
    let edges: BTreeSet<(usize, usize)> = graph.edges.iter().map(edge).filter(|(from, to)| from != to).collect();
    (nodes, edges.into_iter().collect())
}

fn task_node<'a>(task: &'a str, images: &BTreeSet<&str>, graph: &Graph) -> Node<'a> {
    let mut lines = vec![cut(task)];
    lines.extend(images.iter().take(IMAGES).map(|image| cut(image)));
    if images.len() > IMAGES {
        lines.push(format!("and {} more", images.len() - IMAGES));
    }
    let stale = graph.stale.iter().filter(|stale| stale.task == task).flat_map(|stale| &stale.why);
    let title = std::iter::once(clip(task)).chain(stale.map(super::why)).collect::<Vec<_>>().join("\n");
    Node { lines, title, kind: Kind::Task(task) }
}

/// The edges as nodes that follow each other, with a bend in each layer that one passes.
fn chains(nodes: &mut Vec<Node<'_>>, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let layers = layers(nodes.len(), edges);
    let chain = |(from, to): &(usize, usize)| {
        let passed = (layers[*from] + 1..layers[*to]).map(|_| {
            nodes.push(Node::default());
            nodes.len() - 1
        });
        std::iter::once(*from).chain(passed.collect::<Vec<_>>()).chain([*to]).collect()
    };
    edges.iter().map(chain).collect()
}

/// Where a node is drawn.
#[derive(Clone, Copy, Debug)]
struct Boxed {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

fn boxes(nodes: &[Node<'_>], places: &[Place]) -> Vec<Boxed> {
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); places.iter().map(|place| place.layer + 1).max().unwrap_or(0)];
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|node| places[*node].row);
    order.into_iter().for_each(|node| layers[places[node].layer].push(node));
    let tall = |members: &[usize]| members.iter().map(|node| tall(&nodes[*node]) + BETWEEN_ROWS).sum::<usize>();
    let tallest = layers.iter().map(|members| tall(members)).max().unwrap_or(0);
    let mut boxes = vec![Boxed { x: 0, y: 0, width: 0, height: 0 }; nodes.len()];
    let mut x = BORDER;
    for members in &layers {
        let width = members.iter().map(|node| wide(&nodes[*node])).max().unwrap_or(0);
        let mut y = BORDER + (tallest - tall(members)) / 2;
        for node in members {
            let height = self::tall(&nodes[*node]);
            boxes[*node] = Boxed { x, y, width, height };
            y += height + BETWEEN_ROWS;
        }
        x += width + BETWEEN_LAYERS;
    }
    boxes
}

fn wide(node: &Node<'_>) -> usize {
    let longest = node.lines.iter().map(|line| line.chars().count()).max();
    longest.map_or(0, |longest| longest * CHARACTER + 2 * PADDING)
}

fn tall(node: &Node<'_>) -> usize {
    if node.lines.is_empty() { 2 } else { node.lines.len() * LINE + PADDING }
}

/// An edge: from the right side of its first node, through its bends, to the left side of its last.
fn path(chain: &[usize], boxes: &[Boxed]) -> String {
    let middle = |place: &Boxed| place.y + place.height / 2;
    let [first, between @ .., last] = chain else { return String::new() };
    let first = &boxes[*first];
    let (mut x, mut y) = (first.x + first.width, middle(first));
    let mut path = format!("M{x} {y}");
    let mut go = |to_x: usize, to_y: usize| {
        let half = x.midpoint(to_x);
        let _ = write!(path, "C{half} {y} {half} {to_y} {to_x} {to_y}");
        (x, y) = (to_x, to_y);
    };
    for bend in between.iter().map(|bend| &boxes[*bend]) {
        go(bend.x, middle(bend));
        go(bend.x + bend.width, middle(bend));
    }
    let last = &boxes[*last];
    go(last.x, middle(last));
    format!("<path d=\"{path}\" marker-end=\"url(#end)\"/>\n")
}

fn drawn(node: &Node<'_>, place: &Boxed, graph: &Graph) -> String {
    let (class, round) = match node.kind {
        Kind::Bend => return String::new(),
        Kind::Image => ("outside".to_owned(), 12),
        Kind::Task(task) => {
            let is_stale = graph.stale.iter().any(|stale| stale.task == task);
            let starts = graph.would_start.iter().any(|step| step.task == task);
            let words = [(is_stale, "stale"), (starts, "starts")];
            (words.iter().filter(|(is_so, _)| *is_so).map(|(_, word)| *word).collect::<Vec<_>>().join(" "), 3)
        }
    };
    let Boxed { x, y, width, height } = place;
    let class = if class.is_empty() { class } else { format!(" class=\"{class}\"") };
    let mut out = format!("<g><title>{}</title>", escaped(&node.title));
    let _ = write!(out, "<rect{class} x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>");
    for (index, line) in node.lines.iter().enumerate() {
        let is_image = index > 0 || matches!(node.kind, Kind::Image);
        let class = if is_image { " class=\"image\"" } else { "" };
        let (x, y) = (x + PADDING, y + PADDING / 2 + index * LINE + 13);
        let _ = write!(out, "<text{class} x=\"{x}\" y=\"{y}\">{}</text>", escaped(line));
    }
    out + "</g>\n"
}

/// The end of a line that is too long, since what tells images apart stands there.
fn cut(text: &str) -> String {
    let text = clip(text);
    let count = text.chars().count();
    if count <= CHARACTERS {
        text
    } else {
        format!("…{}", text.chars().skip(count - CHARACTERS + 1).collect::<String>())
    }
}

/// As text of XML 1.0, which has no control characters.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::{StaleTask, WouldStart};

    fn graph(edges: &[(Option<&str>, &str, &str)]) -> Graph {
        let edge = |(from, image, to): &(Option<&str>, &str, &str)| GraphEdge {
            from: from.map(str::to_owned),
            image: (*image).to_owned(),
            to: (*to).to_owned(),
        };
        Graph { edges: edges.iter().map(edge).collect(), would_start: Vec::new(), stale: Vec::new() }
    }

    #[test]
    fn foreign_text_is_text() {
        let hostile = "</text><script>alert('1')</script>\u{1b}[2J & \"x\"";
        let mut graph = graph(&[(None, hostile, "a"), (Some("a"), hostile, hostile)]);
        graph.stale.push(StaleTask { task: "a".to_owned(), why: Vec::new() });
        graph.would_start.push(WouldStart { task: "a".to_owned(), after: Vec::new() });
        let svg = svg(&graph).unwrap();
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}') && svg.contains("&lt;script&gt;"), "{svg}");
        assert!(svg.contains("class=\"stale starts\""), "{svg}");
        for element in ["svg", "g", "text", "title", "style", "defs", "marker"] {
            let opened = svg.matches(&format!("<{element}")).count();
            assert_eq!(opened, svg.matches(&format!("</{element}>")).count(), "{element}: {svg}");
        }
    }

    #[test]
    fn no_two_boxes_of_thirty_tasks_overlap_and_none_is_outside() {
        let names: Vec<String> = (0..30).map(|number| format!("task-{number}")).collect();
        let images: Vec<String> = names.iter().map(|name| format!("registry.example/team/{name}:1")).collect();
        let edges: Vec<_> = (1..30).flat_map(|to| [(to - 1) / 2, to / 3].map(|from| (from, to))).collect();
        let edge =
            |(from, to): &(usize, usize)| (Some(names[*from].as_str()), images[*from].as_str(), names[*to].as_str());
        let graph = graph(&edges.iter().map(edge).collect::<Vec<_>>());
        let (mut nodes, edges) = nodes(&graph);
        let joined: Vec<(usize, usize)> =
            chains(&mut nodes, &edges).iter().flat_map(|chain| chain.windows(2).map(|two| (two[0], two[1]))).collect();
        let boxes = boxes(&nodes, &places(nodes.len(), &joined));
        let is_apart = |a: &Boxed, b: &Boxed| {
            a.x + a.width < b.x || b.x + b.width < a.x || a.y + a.height < b.y || b.y + b.height < a.y
        };
        for (index, one) in boxes.iter().enumerate() {
            assert!(boxes[..index].iter().all(|other| is_apart(one, other)), "{one:?}");
        }
        assert!(svg(&graph).is_ok());
        let many: Vec<_> = (0..=MOST).map(|number| format!("t{number}")).collect();
        let graph = self::graph(&many.iter().map(|name| (None, "base", name.as_str())).collect::<Vec<_>>());
        assert!(svg(&graph).unwrap_err().contains("use --dot"));
    }
}
