//! A summary as HTML for mail programs: one table, styles where they are used, as mail programs ignore any other.

use std::fmt::Write;

use super::DailySummary;

impl DailySummary {
    /// The summary as an HTML document.
    #[must_use]
    pub fn html(&self) -> String {
        let title = escaped(&self.title());
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
             <body style=\"font-family:sans-serif;color:#222\">\n<h2>{title}</h2>\n"
        );
        if let Some(warning) = self.warning() {
            let _ = writeln!(html, "<p style=\"color:#b00\"><strong>{}</strong></p>", escaped(&warning));
        }
        html.push_str("<table cellpadding=\"4\" style=\"border-collapse:collapse\">\n");
        for (what, amount, note) in self.figures() {
            let _ = writeln!(
                html,
                "<tr><td>{}</td><td align=\"right\"><strong>{}</strong></td><td>{}</td></tr>",
                escaped(&what),
                escaped(&amount),
                escaped(&note)
            );
        }
        html.push_str("</table>\n<dl>\n");
        for (what, said) in self.facts() {
            let _ = writeln!(html, "<dt><strong>{}</strong></dt><dd>{}</dd>", escaped(what), escaped(&said));
        }
        let _ = write!(
            html,
            "</dl>\n<p>More: <code>buffalo summary --date {}</code>, <code>buffalo status</code></p>\n</body></html>\n",
            self.day
        );
        html
    }
}

/// Statuses come from vendors, and may be anything.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
