// Asks the local cloud: what the pages show, and the REST API as every other client.

/** What a page shows: `overview`, `service` or `release`, with its parameters. */
export const look = (what, parameters) => answer(fetch(`/_localcloud/${what}?${new URLSearchParams(parameters)}`));

/** A call of the REST API: `post("projects/…:approve", {approved: true})`. */
export const post = (path, body) => answer(fetch(`/v1/${path}`, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
}));

async function answer(asked) {
  let response;
  let value;
  try {
    response = await asked;
    value = await response.json();
  } catch {
    throw Object.assign(new Error("The local cloud can't be reached."), { status: "UNAVAILABLE" });
  }
  const error = value.error;
  if (error || !response.ok) throw Object.assign(new Error(error?.message ?? response.statusText), { status: error?.status });
  return value;
}
