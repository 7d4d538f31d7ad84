// Analyses Kusto queries with Microsoft's own analyser.
// In: a JSON array of queries on the standard input. Out: a JSON array with the faults of each query, in words.
// The tables are those of Application Insights in a workspace that the queries read.
// Source of the columns: learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces, appmetrics,
// apprequests and appdependencies.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(new URL("../../local/package.json", import.meta.url));
require("@kusto/language-service-next/bridge.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.js");

const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;
const OF_ALL =
  "TimeGenerated:datetime, Properties:dynamic, OperationId:string, OperationName:string, ParentId:string, " +
  "AppRoleName:string, AppRoleInstance:string, AppVersion:string, SDKVersion:string, ItemCount:int, " +
  "Type:string, _ResourceId:string";
const OF_SPANS =
  "Id:string, Name:string, Success:bool, ResultCode:string, DurationMs:real, PerformanceBucket:string, " +
  "Measurements:dynamic";
const COLUMNS = {
  AppTraces: "Message:string, SeverityLevel:int, Measurements:dynamic",
  AppMetrics: "Name:string, Sum:real, Min:real, Max:real",
  AppRequests: `${OF_SPANS}, Source:string, Url:string`,
  AppDependencies: `${OF_SPANS}, Target:string, DependencyType:string, Data:string`,
};
const tables = Object.entries(COLUMNS).map(([name, own]) =>
  Symbols.TableSymbol.From(`(${OF_ALL}, ${own})`).WithName(name),
);
const database = new Symbols.DatabaseSymbol.ctor("workspace", tables);
const globals = GlobalState.Default.WithDatabase(database);

const faults = JSON.parse(readFileSync(0, "utf-8")).map((query) => {
  const found = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, place) => {
    const { Message, Start } = found.getItem(place);
    return `${Message} (at ${Start})`;
  });
});
process.stdout.write(JSON.stringify(faults));
