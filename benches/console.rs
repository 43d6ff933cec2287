//! Time to build one frame: state to buffer, at three screen sizes. The difference between two buffers and the bytes to
//! the terminal come on top; ratatui does those.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

#[path = "../tests/console_fixture/mod.rs"]
mod console_fixture;

use std::hint::black_box;
use std::sync::Arc;

use console_fixture::{Scene, app, look, snapshot};
use criterion::{Criterion, criterion_group, criterion_main};
use nightdesk::console::{Background, ColorLevel, Msg, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn frames(c: &mut Criterion) {
    let desk = app(Scene::Live);
    let look = look(Background::Dark, ColorLevel::True, false);
    let mut group = c.benchmark_group("frame");
    for (width, height) in [(80, 24), (120, 40), (200, 60), (320, 90)] {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        group.bench_function(format!("build/{width}x{height}"), |b| {
            b.iter(|| {
                buffer.reset();
                black_box(view(&desk, &look, area, &mut buffer))
            });
        });
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        group.bench_function(format!("build_and_diff/{width}x{height}"), |b| {
            b.iter(|| {
                terminal.draw(|f| drop(view(&desk, &look, f.area(), f.buffer_mut()))).unwrap();
            });
        });
    }
    group.finish();
}

fn updates(c: &mut Criterion) {
    let mut desk = app(Scene::Live);
    let snapshots = Scene::ALL.map(|scene| Arc::new(snapshot(scene)));
    let mut turn = 0;
    c.bench_function("update/snapshot", |b| {
        b.iter(|| {
            turn += 1;
            let mut effects = Vec::new();
            desk.update(Msg::Snapshot(snapshots[turn % snapshots.len()].clone()), &mut effects);
            black_box(effects.len())
        });
    });
}

criterion_group!(benches, frames, updates);
criterion_main!(benches);
