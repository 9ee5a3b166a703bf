// Follows one scope over the socket and lists what happens, newest first.
const SHOWN_MAX = 50;
const byId = (id) => document.getElementById(id);
let socket = null;

const say = (text) => { byId("status").textContent = text; };

const show = (frame) => {
  const item = document.createElement("li");
  const name = document.createElement("strong");
  name.textContent = `${frame.type} `;
  const data = document.createElement("code");
  data.textContent = JSON.stringify(frame.data);
  item.append(name, data);
  byId("events").prepend(item);
  while (byId("events").children.length > SHOWN_MAX) byId("events").lastChild.remove();
};

const heard = (frame, scope) => {
  switch (frame.op) {
    case "hello": socket.send(JSON.stringify({ op: "sub", scope })); break;
    case "subscribed": say(`Following ${frame.scope}.`); break;
    case "ev": show(frame); break;
    case "err": say(`Refused: ${frame.code}.`); break;
    case "bye": say(`Closed by the server: ${frame.code}.`); break;
  }
};

const follow = (key, scope) => {
  socket?.close();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opened = new WebSocket(`${scheme}://${location.host}/ws/v1/events`);
  socket = opened;
  // The first frame: a key never stands in an address.
  opened.onopen = () => opened.send(JSON.stringify({ op: "auth", token: key }));
  opened.onmessage = (message) => { if (socket === opened) heard(JSON.parse(message.data), scope); };
  opened.onclose = () => { if (socket === opened) byId("status").textContent += " Not connected."; };
};

byId("connect").addEventListener("submit", (event) => {
  event.preventDefault();
  say("Connecting.");
  follow(byId("key").value, byId("scope").value.trim());
});
