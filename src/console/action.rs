//! The one table of what the console can do. Dispatch, footer, help, palette, the generated key page and the
//! duplicate check all read it, so that none of them can disagree.

/// Where an action applies. A chord must be unique within a context together with [`Context::Global`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Everywhere.
    Global,
    /// The heat map.
    Ingest,
    /// The list of sources, and a source's page.
    Sources,
    /// The jobs of the nights, and a job's page.
    Schedule,
    /// The log.
    Logs,
    /// The pages that are tables: runs, a job's history, data quality.
    Table,
    /// The data-quality page.
    Quality,
    /// The list of features, and the page of one.
    Features,
    /// Pane 4, a training run's page, and the models.
    Training,
    /// Pane 5, the list of drift, and a subject's page.
    Drift,
    /// The signals, one of them, and the sectors.
    Signals,
}

impl Context {
    /// All contexts, in the order of the help page.
    pub const ALL: [Self; 11] = [
        Self::Global,
        Self::Ingest,
        Self::Sources,
        Self::Schedule,
        Self::Logs,
        Self::Table,
        Self::Quality,
        Self::Features,
        Self::Training,
        Self::Drift,
        Self::Signals,
    ];

    /// Heading on the help page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::Ingest => "Ingest heat map",
            Self::Sources => "Sources",
            Self::Schedule => "Schedule, a job's page",
            Self::Logs => "Logs",
            Self::Table => "Run history, a job's page, data quality, features, models, drift, signals",
            Self::Quality => "Data quality",
            Self::Features => "Features",
            Self::Training => "Training, a training run, models",
            Self::Drift => "Drift, its list, a subject's page",
            Self::Signals => "Signals, a signal's page, sectors",
        }
    }
}

/// What stands between the key and the deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// Nothing: it can be undone, or changes nothing.
    None,
    /// A question with one key.
    Confirm,
    /// The name of the thing must be typed.
    TypeName,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The action.
    pub action: Action,
    /// Its name in `console.keys` of the configuration.
    pub name: &'static str,
    /// Where it applies.
    pub context: Context,
    /// Default chords, the first one is shown.
    pub keys: &'static [&'static str],
    /// A word or two for the footer; empty keeps it out of the footer.
    pub label: &'static str,
    /// A sentence for help and palette.
    pub help: &'static str,
    /// Danger level.
    pub danger: Danger,
}

macro_rules! actions {
    ($($name:ident: $context:ident, $keys:expr, $label:literal, $help:literal, $danger:ident;)+) => {
        /// Everything an operator can do with a key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $(#[doc = $help] $name,)+
        }

        /// The action table, in the order of help and footer.
        pub static ACTIONS: &[Spec] = &[
            $(Spec {
                action: Action::$name,
                name: stringify!($name),
                context: Context::$context,
                keys: &$keys,
                label: $label,
                help: $help,
                danger: Danger::$danger,
            },)+
        ];
    };
}

actions! {
    Help: Global, ["?", "f1"], "help", "Show the keys of what has the focus", None;
    Palette: Global, [":"], "command", "Find a command or a symbol by typing", None;
    Filter: Global, ["/"], "filter", "Filter what has the focus; ! in front inverts, state words such as late work on the heat map", None;
    FocusIngest: Global, ["1"], "", "Focus the Ingest pane", None;
    FocusSources: Global, ["2"], "", "Focus the Sources pane", None;
    FocusSchedule: Global, ["3"], "", "Focus the Schedule pane", None;
    FocusTraining: Global, ["4"], "", "Focus the Training pane", None;
    FocusDrift: Global, ["5"], "", "Focus the Drift pane", None;
    FocusLogs: Global, ["6"], "", "Focus the Logs pane", None;
    NextPane: Global, ["tab"], "", "Focus the next pane", None;
    PreviousPane: Global, ["shift-tab"], "", "Focus the previous pane", None;
    Open: Global, ["enter"], "open", "Open what is selected", None;
    Back: Global, ["esc"], "back", "Leave the page, the filter or the messages", None;
    Up: Global, ["k", "up"], "", "Move up", None;
    Down: Global, ["j", "down"], "", "Move down", None;
    Left: Global, ["h", "left"], "", "Move left", None;
    Right: Global, ["l", "right"], "", "Move right", None;
    First: Global, ["g", "home"], "", "Go to the first", None;
    Last: Global, ["G", "end"], "", "Go to the last", None;
    PageUp: Global, ["ctrl-u", "pgup"], "", "Move up half a page", None;
    PageDown: Global, ["ctrl-d", "pgdn"], "", "Move down half a page", None;
    NextAlert: Global, ["a"], "next alert", "Walk through what needs you, worst first", None;
    Zoom: Global, ["z"], "zoom", "Give the focused pane the whole screen, or take it back", None;
    IngestNow: Global, ["i"], "ingest", "Plan an ingest, see what it would do, and start it", None;
    Train: Global, ["t"], "train", "Choose what to train, see what it would do, and start it", None;
    CancelRun: Global, ["x"], "cancel", "Cancel the selected or the active run gently: what is in flight finishes", Confirm;
    CancelRunNow: Global, ["X"], "", "Cancel the selected or the active run at once, giving up what is in flight", TypeName;
    Rerun: Global, ["r"], "rerun", "Run again what the selected run did; a training run from a step that you choose", Confirm;
    ShowRun: Global, ["v"], "run", "Show the active run, or the last one", None;
    ShowRuns: Global, ["R"], "", "Show the runs of all jobs", None;
    ShowIssues: Global, ["D"], "", "Show the open data-quality findings", None;
    ShowFeatures: Global, ["V"], "", "Show the features of a strategy: what each is, and its values", None;
    ShowModels: Global, ["M"], "", "Show the models of a strategy: which gives signals, what each is worth, and why", None;
    ShowSignals: Global, ["B"], "", "Show the signals of a strategy: what to buy or sell, what came of it, and why a symbol has none", None;
    Freeze: Global, ["F"], "freeze", "Freeze the screen; data keep flowing behind it", None;
    Refresh: Global, ["ctrl-r"], "", "Recompute all states; on a source, probe it now", None;
    CopyRow: Global, ["y"], "", "Copy the selected row", None;
    CopyJson: Global, ["Y"], "", "Copy the selected row as JSON", None;
    Export: Global, ["e"], "", "Write the current table to a CSV file", None;
    Mouse: Global, ["m"], "", "Turn the mouse on or off; while it is on, the terminal cannot select text", None;
    Suspend: Global, ["ctrl-z"], "", "Suspend Nightdesk; fg brings it back", None;
    Interrupt: Global, ["ctrl-c"], "", "Leave when pressed twice", None;
    Quit: Global, ["q"], "quit", "Detach from the daemon; without one, ask what becomes of the engine in this process", None;
    NextMatch: Ingest, ["n"], "", "Go to the next cell that is not fresh", None;
    PreviousMatch: Ingest, ["N"], "", "Go to the previous cell that is not fresh", None;
    Probe: Sources, ["p"], "probe", "Ask the selected source for a sign of life, whatever its breaker says", None;
    RunJob: Schedule, ["n"], "run now", "Run the selected job now", Confirm;
    PauseJob: Schedule, ["P"], "pause", "Pause the selected job, so that its ticks pass without a run, or end its pause", Confirm;
    Scheduler: Schedule, ["s"], "on/off", "Switch the scheduler on or off for all jobs", Confirm;
    ConfirmClock: Schedule, ["c"], "go on", "Let the schedule go on after a jump of the clock", Confirm;
    LogMore: Logs, ["+", "="], "level", "Show less severe records too", None;
    LogLess: Logs, ["-"], "", "Show only more severe records", None;
    LogSource: Logs, ["s"], "source", "Show one source only; again for the next, and at last all", None;
    LogFollow: Logs, ["f"], "follow", "Follow the newest record; scrolling up pauses this", None;
    LogWrap: Logs, ["w"], "wrap", "Wrap long records", None;
    LogTime: Logs, ["T"], "", "Show or hide the time column", None;
    LogMark: Logs, ["L"], "", "Draw a line after the newest record", None;
    LogClear: Logs, ["C"], "", "Hide all records so far", None;
    LogSearch: Logs, ["S"], "search", "Search and highlight a text", None;
    LogNext: Logs, ["n"], "", "Go to the next match", None;
    LogPrevious: Logs, ["N"], "", "Go to the previous match", None;
    Sort: Table, ["o"], "sort", "Sort by the next column", None;
    SortReverse: Table, ["O"], "", "Reverse the order", None;
    AcceptIssue: Quality, ["A"], "accept", "Accept the finding: the data are right, show them", Confirm;
    DismissIssue: Quality, ["d"], "dismiss", "Dismiss the finding: the data are wrong, keep them hidden", Confirm;
    OtherStrategy: Features, ["s"], "strategy", "Show the features of the other strategy", None;
    OtherSpread: Features, ["w"], "spread", "Count the newest value of each symbol, or all values of a year", None;
    FeatureDrift: Features, ["d"], "drift", "Show how far the feature has moved from what the model was trained on", None;
    OtherTraining: Training, ["s"], "strategy", "Show the training or the models of the other strategy", None;
    NextModel: Training, ["n"], "model", "Draw the losses of the next model", None;
    LogScale: Training, ["L"], "log scale", "Draw losses on a logarithmic scale, or on a plain one", None;
    Promote: Training, ["p"], "promote", "Make the selected model, or that of the training run, champion: its signals count", TypeName;
    RollBack: Training, ["b"], "roll back", "Put the champion before the present one back", Confirm;
    Acknowledge: Drift, ["A"], "ack", "Take note of the open alarm of the selected subject, so that it calls no more", None;
    Snooze: Drift, ["Z"], "silent 24h", "Keep the open alarm of the selected subject silent for 24 hours", None;
    LiftHalt: Drift, ["L"], "lift halt", "Let the model whose signals are halted give signals again", Confirm;
    ShowValues: Drift, ["f"], "values", "Show the selected feature's definition and its values", None;
    OtherDrift: Drift, ["s"], "strategy", "Show the drift of the other strategy", None;
    ShowSectors: Signals, ["S"], "sectors", "Show the sectors: how the newest scan leans, and what came of their signals", None;
    OtherSignals: Signals, ["s"], "strategy", "Show the signals of the other strategy", None;
}

impl Action {
    /// The action's row of the table.
    pub fn spec(self) -> &'static Spec {
        // The macro emits enum and table in the same order.
        &ACTIONS[self as usize]
    }

    /// The action of a name in the configuration.
    pub fn by_name(name: &str) -> Option<Self> {
        ACTIONS.iter().find(|s| s.name.eq_ignore_ascii_case(name)).map(|s| s.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_variants_are_in_the_same_order() {
        for (i, spec) in ACTIONS.iter().enumerate() {
            assert_eq!(spec.action as usize, i);
            assert_eq!(Action::by_name(spec.name), Some(spec.action));
            assert!(!spec.help.is_empty() && !spec.keys.is_empty(), "{}", spec.name);
        }
    }
}
