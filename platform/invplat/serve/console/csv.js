// The worklist as a file. A cell of text that a spreadsheet would run as a formula is quoted by an apostrophe.

const COLUMNS = [
  "store", "sku", "name", "category", "order", "order_up_to", "reorder_point", "safety_stock", "eoq",
  "on_hand", "on_order",
  "lead_time", "review", "service_level", "mean_demand", "per_period", "cover", "stockout_risk", "stockout_risk_after",
  "expected_cost", "unit_cost", "price", "order_value", "money_at_risk", "exceptions", "reason",
];

export function csv(rows) {
  const lines = rows.map((row) => COLUMNS.map((name) => cell(row[name])).join(","));
  return [COLUMNS.join(","), ...lines, ""].join("\r\n");
}

function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  let text = Array.isArray(value) ? value.join(" ") : String(value);
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function save(name, text) {
  const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
