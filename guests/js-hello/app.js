// Says hello, and echoes a body back at `/echo-body`: HTTP as browsers and JavaScript frameworks know it.
addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname } = new URL(request.url);
  if (pathname === "/echo-body") {
    return new Response(await request.text());
  }
  return new Response("hello from JavaScript", { headers: { "content-type": "text/plain" } });
}
