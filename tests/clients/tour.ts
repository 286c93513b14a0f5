// The README's tour with a client that openapi-typescript has generated; run by tests/clients/check.py.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Task = components["schemas"]["Task"];

const address = process.argv[2];
const api = createClient<paths>({ baseUrl: address });

function must<T>(answer: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no body");
  return answer.data;
}

async function tour(): Promise<void> {
  const who = { email: "typescript@example.com", password: "correct-horse-7-battery" };
  must(await api.POST("/api/v1/auth/register", { body: { ...who, full_name: "Ann Lee" } }));
  const tokens = must(await api.POST("/api/v1/auth/login", { body: who }));
  if (!("access_token" in tokens)) throw new Error("a new account needs no code");
  const headers = { Authorization: `Bearer ${tokens.access_token}` };
  const project = must(await api.POST("/api/v1/projects", { headers, body: { name: "Website" } }));
  const body = { project_id: project.id, title: "Write the release notes", priority: 4 };
  const task: Task = must(await api.POST("/api/v1/tasks", { headers, body }));
  const list = must(await api.GET("/api/v1/tasks", { headers, params: { query: { status: "pending", sort: "-priority" } } }));
  if (list.items[0]?.key !== task.key || list.total !== 1) throw new Error("the list lacks the task");
  const path = { task: task.key };
  const done = must(await api.PATCH("/api/v1/tasks/{task}", { headers, params: { path }, body: { status: "done" } }));
  if (!done.is_completed || done.completed_at === null) throw new Error("the task is not done");
  const refused = await api.GET("/api/v1/tasks/{task}", { headers, params: { path: { task: "NONE-1" } } });
  if (refused.error?.code !== "task_not_found") throw new Error("a problem is not read as one");
  console.log(`typescript: ${done.key} ${done.status}`);
}

tour().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
