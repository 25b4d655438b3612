// What a dashboard of ours may hold, out of the types that Grafana publishes, with the options of each kind of panel.
import type { AnnotationQuery, Dashboard, FieldConfig, Panel, RowPanel, Threshold, VariableModel } from '@grafana/schema';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// Enumerations are strings in JSON.
type Plain<T> = T extends string ? `${T}` : T extends (infer E)[] ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
// JSON has no -Infinity: Grafana itself writes null for the first threshold.
type Step = Omit<Threshold, 'value'> & { value: number | null };
type Thresholds = { mode: 'absolute'; steps: Step[] };
type Defaults<C> = Omit<Plain<FieldConfig>, 'custom' | 'thresholds'> & { custom: C; thresholds: Thresholds };
type Override = { matcher: { id: 'byName' | 'byRegexp'; options: string }; properties: { id: string; value: unknown }[] };
type Kind<Name, Options, Custom> = Omit<Plain<Panel>, 'type' | 'options' | 'fieldConfig' | 'links' | 'targets'> & {
  type: Name;
  options: Plain<Options>;
  fieldConfig: { defaults: Defaults<Plain<Custom>>; overrides: Override[] };
  links: { title: string; url: string; targetBlank: boolean }[];
  targets?: { [key: string]: unknown }[];
};
type Nothing = { [key: string]: never };
type Kinds =
  | Kind<'stat', Stat.Options, Nothing>
  | Kind<'timeseries', Partial<TimeSeries.Options>, TimeSeries.FieldConfig>
  | Kind<'heatmap', Heatmap.Options, Heatmap.FieldConfig>
  | Kind<'state-timeline', StateTimeline.Options, Partial<StateTimeline.FieldConfig>>
  | Kind<'bargauge', BarGauge.Options, Nothing>
  | Kind<'table', Omit<Table.Options, 'frameIndex'>, Table.FieldConfig>
  // No types are published of it.
  | Kind<'alertlist', { [key: string]: unknown }, Nothing>
  | Plain<RowPanel>;
// These are written by Grafana and by people, and have no types of their own.
type Annotation = Plain<Omit<AnnotationQuery, 'builtIn' | 'target'>> & {
  builtIn?: number; expr?: string; step?: string; tagKeys?: string; textFormat?: string; titleFormat?: string; useValueForTime?: boolean;
};
type Variable = Plain<VariableModel> & { definition?: string };
export type Checked = Omit<Plain<Dashboard>, 'panels' | 'annotations' | 'templating' | 'id'> & {
  id: null;
  liveNow: boolean;
  panels: Kinds[];
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
};
