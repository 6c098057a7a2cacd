// How long nodemailer's pool takes for a number of messages: FOLDER PORT NUMBER SIZE CONNECTIONS ready|compose; prints seconds.
const [folder, port, number, size, connections, mode] = process.argv.slice(2);
const nodemailer = require(`${folder}/node_modules/nodemailer`);
const count = Number(number);
const pool = nodemailer.createTransport({
  pool: true, host: "127.0.0.1", port: Number(port), secure: false, ignoreTLS: true,
  maxConnections: Number(connections), maxMessages: Infinity,
});
const line = "<p>Buses 2 and 20 stop at the Green instead, from Monday on.</p>\r\n";
const html = line.repeat(Math.round(Number(size) / line.length * 0.8));
const text = line.repeat(Math.round(Number(size) / line.length * 0.15));
const ready = Buffer.from("From: news@council.example\r\nTo: r@x.example\r\nSubject: Hello\r\n\r\n" + line.repeat(Math.round(Number(size) / line.length)));

function message(n) {
  const to = `r${n}@x.example`;
  if (mode === "ready") return { envelope: { from: "news@council.example", to }, raw: ready };
  const links = Array.from({ length: 6 }, (_, at) => `https://intouch.council.example/answer/${n}.${at}`);
  return {
    from: "news@council.example", to, subject: "This week in Southwick",
    text: `Hello ${n}\r\n${links.join("\r\n")}\r\n${text}`, html: `<p>Hello ${n}</p>${links.map((link) => `<a href="${link}">x</a>`).join("")}${html}`,
    list: { unsubscribe: { url: links[0] } },
  };
}

const began = process.hrtime.bigint();
let next = 0, done = 0;
function finish() {
  console.log(Number(process.hrtime.bigint() - began) / 1e9);
  pool.close();
}
// As its documentation says: give it more whenever it is idle.
pool.on("idle", () => {
  while (next < count && pool.isIdle()) {
    pool.sendMail(message(next++), (error) => {
      if (error) throw error;
      if (++done === count) finish();
    });
  }
});
