// Tables as RFC 4180 writes them; tabs are taken where the first line has more of them than of commas.

/** Rows of fields; quoted fields may hold separators, quotes and line ends. */
export function readCsv(text) {
  const head = text.split("\n", 1)[0];
  const separator = head.split("\t").length > head.split(",").length ? "\t" : ",";
  const rows = [];
  let row = [], field = "", quoted = false, i = 0;
  const end = () => { row.push(field); field = ""; };
  const endRow = () => { end(); if (row.length > 1 || row[0].trim()) rows.push(row); row = []; };
  text = text.replace(/^\ufeff/, "");
  while (i < text.length) {
    const c = text[i++];
    if (quoted) {
      if (c !== "\"") field += c;
      else if (text[i] === "\"") { field += "\""; i += 1; }
      else quoted = false;
    } else if (c === "\"" && field === "") quoted = true;
    else if (c === separator) end();
    else if (c === "\n") endRow();
    else if (c !== "\r") field += c;
  }
  if (field || row.length) endRow();
  return rows;
}

/** A field that a spreadsheet would take for a formula gets a quote before it. */
function cell(value) {
  const safe = /^[=+\-@\t]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll("\"", "\"\"")}"` : safe;
}

export const writeCsv = (rows) => rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
