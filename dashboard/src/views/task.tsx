export function TaskView({ id }: { id: string }) {
  return <h1>{id}</h1>;
}
