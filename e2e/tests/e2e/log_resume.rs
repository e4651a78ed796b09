//! A log that is read in pieces, by readers that are killed, from schedulers that are killed: the pieces join.

use acre_e2e::{
    farm::{Farm, Part},
    program::is_notice,
};

/// 100,000 numbered lines, in about 6 s.
const TASK: &str = "
steps:
  - id: counts
    cmd: {base} sh -c 'i=0; while [ $i -lt 100 ]; do seq $((i*1000+1)) $((i*1000+1000)); i=$((i+1)); sleep 0.05; done'
";

/// How often the reader is killed, and after how many bytes each time: the log has about 590,000.
const KILLS: usize = 10;
const PIECE: usize = 45_000;

#[test]
fn pieces_of_a_log_join_without_gap_or_repeat() {
    let farm = Farm::new();
    let run = farm.hand_in(TASK);
    let read_on = |from: usize| farm.start(&["logs", "-f", "--step", "counts", "--offset", &from.to_string(), &run]);
    let mut log = Vec::new();
    for kill in 0..KILLS {
        let mut reader = read_on(log.len());
        reader.wait_for_bytes(PIECE);
        if kill == 3 || kill == 6 {
            farm.kill(Part::Scheduler);
        }
        let piece = reader.kill();
        assert!(piece.len() >= PIECE, "piece {kill} has {} bytes", piece.len());
        log.extend(piece);
    }
    log.extend(read_on(log.len()).end().ended(0).stdout.as_bytes());

    let log = String::from_utf8(log).expect("numbers are text");
    assert!(log == farm.log(&run, "counts"), "the joined pieces are not the stored log");
    let numbers: Vec<u32> =
        log.lines().filter(|line| !is_notice(line)).map(|line| line.parse().expect("a number")).collect();
    let wrong = numbers.iter().zip(1..).find(|(found, expected)| *found != expected);
    assert_eq!((numbers.len(), wrong), (100_000, None));
    assert_eq!(farm.show(&run)["status"], "Succeeded");
}
