//! Signals as their pages show them: those that are open, those that are settled, and what the newest scan made of each
//! symbol; one signal; the sectors. Whose they are is told by the strategy that drift is shown of.

use super::signal_rows::{OPEN, SCANNED, SECTORS, SETTLED, open_row, p_of, scanned_row, sector_row, settled_row, side};
use super::table::Table;
use super::{App, Asked, Effect, Page, Pane, Slot, ToastLevel};
use crate::engine::{Query, Reply};
use crate::scan::views::{ScannedSymbol, SectorRow, SignalDetail, SignalRow, SignalState, SignalsPage, SignalsView};

/// Most signals asked for.
const LIMIT: usize = 500;

/// The three tables of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignalsPart {
    /// Signals that are open.
    #[default]
    Open,
    /// Signals whose outcome is known, and void ones.
    Settled,
    /// The newest scan, symbol by symbol.
    Scan,
}

impl SignalsPart {
    /// All, left to right.
    pub const ALL: [Self; 3] = [Self::Open, Self::Settled, Self::Scan];
}

/// What the pages show.
#[derive(Clone, Debug)]
pub struct Signals {
    /// Signals and the newest scan.
    pub list: Asked<Box<SignalsPage>>,
    /// Open ones; the key is the signal's.
    pub open: Table,
    /// The others; the key is the signal's.
    pub settled: Table,
    /// The scan; the key is the place in the universe.
    pub scanned: Table,
    /// The table that the keys move in.
    pub part: SignalsPart,
    /// Whether its page shows past rows like it instead of price and what spoke for it, where not all has room.
    pub past: bool,
    /// The signal whose page is open.
    pub detail: Asked<Box<SignalDetail>>,
    /// The sectors.
    pub sectors: Asked<Vec<SectorRow>>,
    /// Their rows; the key is the place by name.
    pub sector_table: Table,
}

impl Default for Signals {
    fn default() -> Self {
        let [open, settled] = [Table::new(&OPEN), Table::new(&SETTLED)];
        let (scanned, sector_table) = (Table::new(&SCANNED), Table::new(&SECTORS));
        let (list, detail, sectors) = (Asked::default(), Asked::default(), Asked::default());
        Self { list, open, settled, scanned, part: SignalsPart::Open, past: false, detail, sectors, sector_table }
    }
}

impl Signals {
    /// The table that has the keys.
    pub const fn table(&self) -> &Table {
        match self.part {
            SignalsPart::Open => &self.open,
            SignalsPart::Settled => &self.settled,
            SignalsPart::Scan => &self.scanned,
        }
    }

    /// The same, to change it.
    pub const fn table_mut(&mut self) -> &mut Table {
        match self.part {
            SignalsPart::Open => &mut self.open,
            SignalsPart::Settled => &mut self.settled,
            SignalsPart::Scan => &mut self.scanned,
        }
    }

    /// The symbol under the cursor of the scan.
    fn symbol(&self) -> Option<&ScannedSymbol> {
        self.list.value.as_ref()?.scanned.get(usize::try_from(self.scanned.selected?).ok()?)
    }

    /// The signal under the cursor; of a symbol of the scan, its open one.
    pub fn selected(&self) -> Option<&SignalRow> {
        let rows = &self.list.value.as_ref()?.signals;
        if self.part == SignalsPart::Scan {
            let symbol = self.symbol()?.symbol;
            return rows.iter().find(|r| r.symbol == symbol && r.state == SignalState::Open);
        }
        let id = self.table().selected?;
        rows.iter().find(|r| r.signal_id == id)
    }

    fn answer_list(&mut self, generation: u64, result: Result<Box<SignalsPage>, String>) -> bool {
        let newest = self.list.answer(generation, result);
        if let Some(page) = self.list.value.as_deref().filter(|_| newest) {
            let of = |open: bool| page.signals.iter().filter(move |r| (r.state == SignalState::Open) == open);
            self.open.replace(of(true).map(open_row).collect());
            self.settled.replace(of(false).map(settled_row).collect());
            self.scanned.replace(page.scanned.iter().zip(0..).map(|(s, key)| scanned_row(s, key)).collect());
        }
        newest
    }

    /// Takes an answer to one of the three in; false when it is not for the newest question.
    pub fn answer(&mut self, slot: Slot, generation: u64, result: Result<Reply, String>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        match slot {
            Slot::Signals => self.answer_list(generation, result.and_then(|r| if let Reply::Signals(p) = r { Ok(p) } else { Err(odd()) })),
            Slot::Signal => self.detail.answer(generation, result.and_then(|r| if let Reply::Signal(d) = r { Ok(d) } else { Err(odd()) })),
            _ => {
                let result = result.and_then(|r| if let Reply::Sectors(s) = r { Ok(s) } else { Err(odd()) });
                let newest = self.sectors.answer(generation, result);
                let rows = self.sectors.value.iter().flatten().zip(0..).map(|(s, key)| sector_row(s, key)).collect();
                self.sector_table.replace(rows);
                newest
            }
        }
    }
}

impl App {
    /// The newest scan and the open signals of the strategy that is shown, in short.
    pub(in crate::console) fn signals_view(&self) -> Option<&SignalsView> {
        let strategy = self.watched();
        self.snap().signals.iter().find(|s| s.strategy == strategy)
    }

    /// The signal whose page is open, as far as it is known.
    pub(in crate::console) fn shown_signal(&self, id: i64) -> Option<&SignalDetail> {
        let strategy = self.watched();
        self.signals.detail.value.as_deref().filter(|d| d.strategy == strategy && d.row.signal_id == id)
    }

    pub(super) fn forget_signals(&mut self) {
        self.signals.list.forget();
        self.signals.detail.forget();
        self.signals.sectors.forget();
        for table in [&mut self.signals.open, &mut self.signals.settled, &mut self.signals.scanned, &mut self.signals.sector_table] {
            table.replace(Vec::new());
        }
    }

    /// Opens the signals of the strategy that is looked at.
    pub(super) fn open_signals(&mut self, fx: &mut Vec<Effect>) {
        let strategy = match (self.page(), self.focus) {
            (Some(Page::Models), _) | (None, Pane::Training) => self.acting_strategy(),
            _ if self.on_training_page() => self.acting_strategy(),
            _ => self.watched(),
        };
        self.watch(strategy);
        self.push_page(Page::Signals, fx);
    }

    /// Asks the question of one of the three pages.
    pub(super) fn ask_signals(&mut self, fx: &mut Vec<Effect>) {
        if !self.reachable() {
            return;
        }
        let strategy = self.watched();
        let (slot, generation, query) = match self.page() {
            Some(Page::Signal(signal_id)) => (Slot::Signal, self.signals.detail.ask(), Query::Signal { strategy, signal_id }),
            Some(Page::Sectors) => (Slot::Sectors, self.signals.sectors.ask(), Query::Sectors { strategy }),
            _ => (Slot::Signals, self.signals.list.ask(), Query::Signals { strategy, limit: LIMIT }),
        };
        fx.push(Effect::Query { slot, generation, query });
    }

    /// Moves in one of the tables, or to another one.
    pub(super) fn step_signals(&mut self, dx: isize, dy: isize) {
        let at = SignalsPart::ALL.iter().position(|p| *p == self.signals.part).unwrap_or(0);
        self.signals.part = SignalsPart::ALL[at.saturating_add_signed(dx).min(SignalsPart::ALL.len() - 1)];
        self.signals.table_mut().step(dy);
    }

    /// Opens the signal under the cursor, or says why the symbol has none.
    pub(super) fn open_signal(&mut self, fx: &mut Vec<Effect>) {
        if let Some(id) = self.signals.selected().map(|r| r.signal_id) {
            self.push_page(Page::Signal(id), fx);
        } else if let Some(s) = self.signals.symbol() {
            let text = format!("{}: {}", s.symbol, s.why_none.as_deref().unwrap_or("it has no open signal"));
            self.say(ToastLevel::Info, text);
        }
    }

    /// What has the focus on one of the pages, as JSON.
    pub(super) fn signal_json(&self) -> Option<String> {
        match self.page() {
            Some(Page::Signal(id)) => serde_json::to_string(&self.shown_signal(id)?.row).ok(),
            Some(Page::Sectors) => {
                let at = usize::try_from(self.signals.sector_table.selected?).ok()?;
                serde_json::to_string(self.signals.sectors.value.as_ref()?.get(at)?).ok()
            }
            _ if self.signals.part == SignalsPart::Scan => serde_json::to_string(self.signals.symbol()?).ok(),
            _ => serde_json::to_string(self.signals.selected()?).ok(),
        }
    }

    /// The open signal as a line of text.
    pub(super) fn signal_text(&self, id: i64) -> Option<String> {
        let row = &self.shown_signal(id)?.row;
        Some(format!("{} {} of {} p {:.2} lift {:.2}", row.symbol, side(row.side).1, row.date, p_of(row), row.lift))
    }
}
