//! Writing HTML whose elements are closed and whose text is escaped, by construction.

use std::fmt::Display;

use crate::charts::escaped;

/// A page, or a part of one, that is being written.
#[derive(Debug, Default)]
pub struct Html {
    out: String,
}

/// A cell of a table.
pub enum Cell {
    /// Words, to the left.
    Text(String),
    /// A number, to the right.
    Number(String),
    /// Words with a class of the style sheet.
    Marked(&'static str, String),
}

impl Cell {
    fn class(&self) -> &'static str {
        match self {
            Self::Text(_) => "",
            Self::Number(_) => "n",
            Self::Marked(class, _) => class,
        }
    }

    fn words(&self) -> &str {
        match self {
            Self::Text(t) | Self::Number(t) | Self::Marked(_, t) => t,
        }
    }
}

impl Html {
    /// Writes an element with what `inside` writes; `class` may be empty.
    pub fn element(&mut self, name: &str, class: &str, inside: impl FnOnce(&mut Self)) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{}\"", escaped(class)) };
        self.out.extend(["<", name, &class, ">"]);
        inside(self);
        self.out.extend(["</", name, ">\n"]);
    }

    /// Writes an element that holds text only.
    pub fn leaf(&mut self, name: &str, class: &str, text: impl Display) {
        self.element(name, class, |h| h.out.push_str(&escaped(&text.to_string())));
    }

    /// Writes a paragraph.
    pub fn paragraph(&mut self, text: impl Display) {
        self.leaf("p", "", text);
    }

    /// Writes the heading of a section.
    pub fn heading(&mut self, text: impl Display) {
        self.leaf("h2", "", text);
    }

    /// Writes markup as it is: the page's own head, style sheet and drawings.
    pub fn markup(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Writes a list of terms with what they are; those without words are left out.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        self.element("dl", "", |h| {
            for (term, words) in facts.iter().filter(|(_, words)| !words.is_empty()) {
                h.leaf("dt", "", term);
                h.leaf("dd", "", words);
            }
        });
    }

    /// Writes a table whose columns are headed as their first cells are aligned.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<Cell>]) {
        let class = |column: usize| rows.first().and_then(|r| r.get(column)).map_or("", |c| if c.class() == "n" { "n" } else { "" });
        self.element("div", "wide", |h| {
            h.element("table", "", |h| {
                let name = |h: &mut Self| (0..).zip(head).for_each(|(i, name)| h.leaf("th", class(i), name));
                h.element("thead", "", |h| h.element("tr", "", name));
                h.element("tbody", "", |h| {
                    for row in rows {
                        h.element("tr", "", |h| row.iter().for_each(|cell| h.leaf("td", cell.class(), cell.words())));
                    }
                });
            });
        });
    }

    /// What was written.
    pub fn into_string(self) -> String {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_elements_are_closed() {
        let mut html = Html::default();
        html.table(&["a<b", "n"], &[vec![Cell::Text("\"x\" & <script>\u{7}".into()), Cell::Number("1".into())]]);
        html.facts(&[("left out", String::new()), ("kept", "it's".into())]);
        let out = html.into_string();
        assert!(out.contains("<td>&quot;x&quot; &amp; &lt;script&gt; </td>"), "{out}");
        assert!(out.contains("<th>a&lt;b</th>\n<th class=\"n\">n</th>"), "{out}");
        assert!(out.contains("<dd>it&#39;s</dd>") && !out.contains("left out"), "{out}");
    }
}
