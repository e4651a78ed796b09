//! Where nodes stand: each right of all that it comes after, and in its layer near what it is joined to.

/// A place in a drawing by layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The layer, from the left.
    pub(super) layer: usize,
    /// The place in the layer, from above.
    pub(super) row: usize,
}

/// Rounds in which the rows of a layer are put in order by those of the layer before, and of the layer behind.
const ROUNDS: usize = 8;

/// The places of `count` nodes with these edges. Of a circle one edge goes back.
pub(super) fn places(count: usize, edges: &[(usize, usize)]) -> Vec<Place> {
    let layers = layers(count, edges);
    let mut rows = by_layer(&layers);
    for round in 0..ROUNDS {
        sweep(&mut rows, &layers, edges, round % 2 == 0);
    }
    let mut places = vec![Place { layer: 0, row: 0 }; count];
    for (layer, members) in rows.iter().enumerate() {
        members.iter().enumerate().for_each(|(row, node)| places[*node] = Place { layer, row });
    }
    places
}

/// The layer of each node: one more than the greatest of those before it.
pub(super) fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let (mut after, mut before) = (vec![Vec::new(); count], vec![0_usize; count]);
    for (from, to) in edges.iter().filter(|(from, to)| from != to) {
        after[*from].push(*to);
        before[*to] += 1;
    }
    let (mut layers, mut is_placed) = (vec![0; count], vec![false; count]);
    let mut ready: Vec<usize> = (0..count).rev().filter(|node| before[*node] == 0).collect();
    let mut next_forced = 0;
    loop {
        let node = match ready.pop() {
            Some(node) if is_placed[node] => continue,
            Some(node) => node,
            // Those that are left stand in circles, or behind one: the first of them begins.
            None => match (next_forced..count).find(|node| !is_placed[*node]) {
                Some(node) => {
                    next_forced = node + 1;
                    node
                }
                None => return layers,
            },
        };
        is_placed[node] = true;
        for next in after[node].iter().copied().filter(|next| !is_placed[*next]) {
            layers[next] = layers[next].max(layers[node] + 1);
            before[next] -= 1;
            if before[next] == 0 {
                ready.push(next);
            }
        }
    }
}

fn by_layer(layers: &[usize]) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
    layers.iter().enumerate().for_each(|(node, layer)| rows[*layer].push(node));
    rows
}

/// Puts the members of each layer in the order of the middle of what they are joined to, on the left (or on the right).
fn sweep(rows: &mut [Vec<usize>], layers: &[usize], edges: &[(usize, usize)], by_left: bool) {
    let mut at = vec![0.0_f64; layers.len()];
    let note = |at: &mut Vec<f64>, members: &[usize]| {
        members.iter().enumerate().for_each(|(row, node)| at[*node] = row as f64);
    };
    rows.iter().for_each(|members| note(&mut at, members));
    let mut joined = vec![Vec::new(); layers.len()];
    for (from, to) in edges {
        let (near, far) = if by_left { (to, from) } else { (from, to) };
        joined[*near].push(*far);
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    if !by_left {
        order.reverse();
    }
    for layer in order {
        let middle = |node: usize| match joined[node].as_slice() {
            [] => at[node],
            others => others.iter().map(|other| at[*other]).sum::<f64>() / others.len() as f64,
        };
        let mut members: Vec<(f64, usize)> = rows[layer].iter().map(|node| (middle(*node), *node)).collect();
        members.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows[layer] = members.into_iter().map(|(_, node)| node).collect();
        note(&mut at, &rows[layer]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many nodes, which edges, and the layers that are expected.
    type Line<'a> = (usize, &'a [(usize, usize)], &'a [usize]);

    #[test]
    fn a_node_stands_right_of_what_it_comes_after() {
        let table: [Line<'_>; 6] = [
            (0, &[], &[]),
            (2, &[], &[0, 0]),
            (3, &[(0, 1), (1, 2)], &[0, 1, 2]),
            (4, &[(0, 1), (0, 2), (2, 3), (1, 3), (0, 3)], &[0, 1, 1, 2]),
            // A circle is cut before its first member.
            (3, &[(0, 1), (1, 0), (1, 2)], &[0, 1, 2]),
            (1, &[(0, 0)], &[0]),
        ];
        for (count, edges, expected) in table {
            assert_eq!(layers(count, edges), expected, "{edges:?}");
        }
    }

    #[test]
    fn rows_follow_what_they_are_joined_to() {
        // Two chains that begin in the other order than they are named in.
        let places = places(4, &[(0, 3), (1, 2)]);
        let row = |node: usize| places[node].row;
        assert_eq!((row(0) < row(1)), (row(3) < row(2)), "{places:?}");
    }

    #[test]
    fn many_nodes_are_placed_and_no_two_at_one_place() {
        let edges: Vec<(usize, usize)> = (1..500).map(|node| (node / 3, node)).collect();
        let places = places(500, &edges);
        let mut all: Vec<(usize, usize)> = places.iter().map(|place| (place.layer, place.row)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 500);
        assert!(edges.iter().all(|(from, to)| places[*from].layer < places[*to].layer));
    }
}
